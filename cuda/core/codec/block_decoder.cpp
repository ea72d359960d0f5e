#include "block_decoder.hpp"

namespace gsz {

BlockDecoder::BlockDecoder(const Params &p, const AnchorNetworks *networks, const std::vector<int> &lowest_class, size_t block) : lowest_class_(lowest_class), block_(block) {
    if (networks) anchors_ = std::make_unique<AnchorCoder>(p, *networks);
    else layers_ = std::make_unique<BlockCoder>(p);
}

std::string BlockDecoder::name(const char *kind, size_t layer) const { return std::string(kind) + " of block " + std::to_string(block_) + ", layer " + std::to_string(layer); }

void BlockDecoder::decode_geometry(const Chunk &c) {
    const size_t layer = geometry_done_++;
    const int lowest = lowest_class_[layer];
    if (anchors_) in_stream(name("anchors", layer), [&] { anchors_->decode_anchors(lowest, c.anchors, c.splats, c.data, c.size); });
    else in_stream(name("geometry", layer), [&] { layers_->decode_layer(lowest, c.splats, c.data, c.size); });
}

}  // namespace gsz
