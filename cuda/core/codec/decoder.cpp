#include "decoder.hpp"

#include "parallel.hpp"

namespace gsz {

BlockDecoder::BlockDecoder(const Params &params, const AnchorNetworks *networks, size_t block) : p_(params), block_(block) {
    if (networks) anchors_ = std::make_unique<AnchorCoder>(params, *networks);
    else plain_ = std::make_unique<BlockCoder>(params);
}

std::string BlockDecoder::name(const char *kind, size_t layer) const {
    return std::string(kind) + " of block " + std::to_string(block_) + ", layer " + std::to_string(layer);
}

void BlockDecoder::geometry(int lowest_class, const Chunk &chunk) {
    of_stream([&] { return name(anchors_ ? "anchors" : "geometry", layers()); }, [&] {
        if (anchors_) anchors_->decode_anchors(lowest_class, chunk.anchors, chunk.splats, chunk.data, chunk.size);
        else plain_->decode_layer(lowest_class, chunk.splats, chunk.data, chunk.size);
    });
    first_.push_back(first_.back() + chunk.splats);
}

void BlockDecoder::write(size_t layer, const Chunk *harmonics, const SceneArrays &out) {
    const size_t coefficients = 3 * (1 + static_cast<size_t>(p_.sh_rest)), first = first_[layer];
    auto give = [&](size_t i, const int *symbols) {
        const size_t row = i - first;
        reconstruct(p_, splat_block().splats()[i], symbols, out.means + 3 * row, out.quats + 4 * row, out.log_scales + 3 * row, out.opacity_logits + row, out.sh + coefficients * row);
    };
    if (harmonics && harmonics->data)
        of_stream([&] { return name("harmonics", layer); }, [&] { splat_block().decode_sh(first, splats(layer), harmonics->data, harmonics->size, give); });
    else
        for (size_t i = first; i < first_[layer + 1]; ++i) give(i, nullptr);
}

void decode_blocks(const Params &p, const AnchorNetworks *networks, const std::vector<int> &lowest_class, const std::vector<BlockLayout> &blocks, const SceneArrays &out, int threads) {
    const size_t coefficients = 3 * (1 + static_cast<size_t>(p.sh_rest));
    parallel_for(blocks.size(), threads, [&](size_t b) {
        const BlockLayout &block = blocks[b];
        BlockDecoder decoder(p, networks, b);
        for (size_t l = 0; l < block.geometry.size() && block.geometry[l].data; ++l) decoder.geometry(lowest_class[l], block.geometry[l]);
        size_t row = block.first;
        for (size_t l = 0; l < decoder.layers(); row += decoder.splats(l++))
            decoder.write(l, l < block.sh.size() ? &block.sh[l] : nullptr, {out.means + 3 * row, out.quats + 4 * row, out.log_scales + 3 * row, out.opacity_logits + row, out.sh + coefficients * row});
    });
}

}  // namespace gsz
