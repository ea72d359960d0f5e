// Encoding of one file's blocks, in parallel. What goes in is decided by the caller (Python): which splats, in which
// layers, at which weights.
#pragma once
#include "anchor_coder.hpp"

namespace gsz {

struct BlockInput {
    std::vector<int> layer_counts;  // splats of each layer, in order
    size_t first = 0;               // index of the block's first splat
    size_t anchors = 0, first_anchor = 0;
};

struct EncodeInput {  // rows ordered by block, then layer, then Morton code
    const uint64_t *codes;           // null for children of anchors
    const double *values;            // [N][7]
    const double *axes;              // [N][3][3], axes[i] the i-th axis
    const double *means;             // [N][3]
    const double *weights;           // [N][2] geometry, colour
    const int32_t *classes;          // [N][2]
    const float *sh;                 // [N][sh_components]
};
Target target_of(const EncodeInput &in, size_t row);

struct AnchorInput {  // rows ordered by block, then Morton code; the splats of `EncodeInput` are their children, in order
    const AnchorNetworks *networks;
    const uint64_t *codes;    // [A]
    const int32_t *hyper;     // [A][hyper]
    const int32_t *latent;    // [A][latent]
    const uint8_t *presence;  // [A][slots]
    int16_t *inputs;          // [A][inputs of the children's network], filled; or null
    int32_t *expected;        // [N][14], filled likewise; see AnchorRows
};

struct EncodedBlock {
    std::vector<std::vector<uint8_t>> geometry, sh;  // by layer
    int components_used = 0;                         // rows of the basis that any splat needs
};

// `anchors` of a file of anchors, whose only layer is the children; else null.
std::vector<EncodedBlock> encode_blocks(const Params &p, const std::vector<int> &lowest_class, const std::vector<BlockInput> &blocks, const EncodeInput &in, const AnchorInput *anchors, int threads, Statistics *stats);

}  // namespace gsz
