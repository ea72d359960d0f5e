// One block's chunks, one after the other as a file has them: what they give can be taken out after each.
#pragma once
#include <memory>

#include "anchor_coder.hpp"

namespace gsz {

struct Chunk {
    const uint8_t *data = nullptr;  // null: not in the file (a cut file)
    size_t size = 0, splats = 0, anchors = 0;
};

class BlockDecoder {
public:
    // `networks` of a file of anchors, else null. `block` is its number, for what is said of faults.
    BlockDecoder(const Params &p, const AnchorNetworks *networks, const std::vector<int> &lowest_class, size_t block);

    // The next layer of geometry (or anchors). Its splats come behind those that `splats` has.
    void decode_geometry(const Chunk &c);
    // The next layer of harmonics, once all geometry that there is has been decoded. `take(i, symbols)` gets those of each splat.
    template <class Take>
    void decode_harmonics(const Chunk &c, Take take);

    const std::vector<Splat> &splats() const { return splats_of().splats(); }

private:
    const SplatBlock &splats_of() const { return anchors_ ? static_cast<const SplatBlock &>(*anchors_) : *layers_; }
    SplatBlock &splats_of() { return anchors_ ? static_cast<SplatBlock &>(*anchors_) : *layers_; }
    std::string name(const char *kind, size_t layer) const;

    const std::vector<int> &lowest_class_;
    const size_t block_;
    std::unique_ptr<BlockCoder> layers_;    // one of the two
    std::unique_ptr<AnchorCoder> anchors_;
    size_t geometry_done_ = 0, harmonics_done_ = 0;  // layers
    size_t described_ = 0;                           // splats that have got their harmonics
};

template <class Take>
void BlockDecoder::decode_harmonics(const Chunk &c, Take take) {
    in_stream(name("harmonics", harmonics_done_++), [&] { splats_of().decode_sh(described_, c.splats, c.data, c.size, take); });
    described_ += c.splats;
}

}  // namespace gsz
