// Decoding of one file's blocks, in parallel, to the arrays of a scene.
#pragma once
#include <memory>
#include <string>

#include "anchor_coder.hpp"

namespace gsz {

struct Chunk {
    const uint8_t *data = nullptr;  // null: not in the file (a cut file)
    size_t size = 0, splats = 0, anchors = 0;
};

struct BlockLayout {
    std::vector<Chunk> geometry, sh;  // by layer; of a file of anchors, `geometry` is those
    size_t first = 0;                 // row of the block's first splat in the output
};

struct SceneArrays {  // rows of splats
    float *means, *quats, *log_scales, *opacity_logits, *sh;
};

// One block, chunk after chunk: its geometry layer by layer, then its harmonics in the same order. `networks` of a file of
// anchors, else null. Faults name the chunk.
class BlockDecoder {
public:
    BlockDecoder(const Params &params, const AnchorNetworks *networks, size_t block);

    void geometry(int lowest_class, const Chunk &chunk);  // the next layer
    size_t layers() const { return first_.size() - 1; }   // that have been decoded
    size_t splats(size_t layer) const { return first_[layer + 1] - first_[layer]; }

    // A layer's splats to the rows of `out`. `harmonics` is the layer's chunk; null, or one without data, for zeros beyond the constant.
    // Chunks are to be given once, in order.
    void write(size_t layer, const Chunk *harmonics, const SceneArrays &out);

private:
    SplatBlock &splat_block() { return anchors_ ? static_cast<SplatBlock &>(*anchors_) : *plain_; }
    std::string name(const char *kind, size_t layer) const;

    const Params &p_;
    const size_t block_;
    std::unique_ptr<BlockCoder> plain_;
    std::unique_ptr<AnchorCoder> anchors_;
    std::vector<size_t> first_{0};  // splats before each layer
};

// All blocks to `out`, block after block. Chunks of a block that follow a missing one are not decoded; the caller has left them out
// of the rows.
void decode_blocks(const Params &p, const AnchorNetworks *networks, const std::vector<int> &lowest_class, const std::vector<BlockLayout> &blocks, const SceneArrays &out, int threads);

}  // namespace gsz
