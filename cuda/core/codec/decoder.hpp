// Decoding of one file's blocks, in parallel, to the arrays of a scene.
#pragma once
#include "block_decoder.hpp"

namespace gsz {

struct BlockLayout {
    std::vector<Chunk> geometry, sh;  // by layer; of a file of anchors, `geometry` is those
    size_t first = 0;                 // row of the block's first splat in the output
};

struct SceneArrays {  // rows of all blocks, block after block
    float *means, *quats, *log_scales, *opacity_logits, *sh;
};

// `networks` of a file of anchors, else null. Throws FormatFault. Chunks of a block that follow a missing one are not decoded;
// the caller has left them out of the rows.
void decode_blocks(const Params &p, const AnchorNetworks *networks, const std::vector<int> &lowest_class, const std::vector<BlockLayout> &blocks, const SceneArrays &out, int threads);

}  // namespace gsz
