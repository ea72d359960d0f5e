// One spatial block of anchors: an octree, then for every anchor its hyper-latent, its latent, which of its slots hold a
// child, and the children, which are splats. What comes first predicts what follows, through the file's networks.
#pragma once
#include "block_coder.hpp"
#include "networks.hpp"

namespace gsz {

struct AnchorRows {  // what an encoder wants of the anchors of a block, ascending by code
    const uint64_t *codes;
    const int32_t *hyper;     // [n][hyper], in steps
    const int32_t *latent;    // [n][latent]
    const uint8_t *presence;  // [n][slots]; the children are those that are not 0, slot by slot
    size_t count;
    int16_t *inputs;          // [n][inputs of the children's network], filled for the caller; or null
    int32_t *expected;        // [children][2 * SCALARS], likewise: predictions without a guess, and spreads, fixed point
};

inline constexpr uint64_t MAX_WORK_PER_BYTE = 1 << 15;  // of a chunk's anchors, plus as much for free
inline constexpr size_t ANCHORS_HEAD = 4;               // bytes of a chunk before its stream: the number of anchors

class AnchorCoder : public SplatBlock {
public:
    AnchorCoder(const Params &params, const AnchorNetworks &networks);

    // The chunk of these anchors; targets of the children in their order.
    std::vector<uint8_t> encode_anchors(int lowest_class, const AnchorRows &rows, const Target *targets, size_t children, Statistics *stats);
    void decode_anchors(int lowest_class, size_t anchors, size_t children, const uint8_t *data, size_t size);

private:
    using Symbols = Decisions<3>;
    template <class IO>
    void code(IO &io, int lowest_class, size_t anchors, size_t children, const AnchorRows *rows, const Target *targets, Statistics *stats);
    template <class IO>
    void code_vector(IO &io, Symbols &model, int network, const std::vector<uint16_t> &steps, const std::vector<int> &step_octaves, const int32_t *target, int16_t *out);
    void near(uint64_t code, int16_t *out);

    const AnchorNetworks &networks_;
    Symbols hyper_, latent_;
    Decisions<3> presence_;
    std::vector<int> hyper_octaves_, latent_octaves_;  // log2 of the steps, in 1/256
    std::vector<int16_t> seen_;                        // input of the children's network
    IntegerNetwork::Scratch scratch_;
    std::vector<int16_t> nothing_;                     // what an absent network says
};

}  // namespace gsz
