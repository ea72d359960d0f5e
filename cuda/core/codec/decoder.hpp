// Decoding of one file's blocks, in parallel, to the arrays of a scene.
#pragma once
#include <string>

#include "anchor_coder.hpp"
#include "encoder.hpp"

namespace gsz {

struct Chunk {
    const uint8_t *data = nullptr;  // null: not in the file (a cut file)
    size_t size = 0, splats = 0, anchors = 0;
};

struct BlockLayout {
    std::vector<Chunk> geometry, sh;  // by layer; of a file of anchors, `geometry` is those
    size_t first = 0;                 // row of the block's first splat in the output
};

struct SceneArrays {  // rows of all blocks, block after block
    float *means, *quats, *log_scales, *opacity_logits, *sh;
};

struct ChunkFault : Fault {  // with the chunk's name
    ChunkFault(std::string name, const char *what) : Fault(what), chunk(std::move(name)) {}
    std::string chunk;
};

// `networks` of a file of anchors, else null. Throws ChunkFault. Chunks of a block that follow a missing one are not decoded;
// the caller has left them out of the rows.
void decode_blocks(const Params &p, const AnchorNetworks *networks, const std::vector<int> &lowest_class, const std::vector<BlockLayout> &blocks, const SceneArrays &out, int threads);

}  // namespace gsz
