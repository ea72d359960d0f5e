// One spatial block: its chunks are a geometry layer after the other, then the harmonics of each layer. The models carry
// over from chunk to chunk, so a block's chunks decode in order; blocks are independent of each other.
#pragma once
#include <memory>

#include "sh_coder.hpp"

namespace gsz {

class SplatBlock {  // what blocks of layers and blocks of anchors have in common: splats, then their harmonics
public:
    // Harmonics of splats [first, first + count) of the block. `take(i, symbols)` gets each splat's, [sh_components].
    std::vector<uint8_t> encode_sh(size_t first, size_t count, const float *coefficients, const double *weights, Statistics *stats);
    template <class Take>
    void decode_sh(size_t first, size_t count, const uint8_t *data, size_t size, Take take);
    int components_used() const { return sh_.components_used(); }

    const std::vector<Splat> &splats() const { return splats_.splats(); }

protected:
    SplatBlock(const Params &params, const CodeShape &shape) : p_(params), splats_(params, shape), sh_(params) {}

    const Params &p_;
    OctreeCoder octree_;
    SplatCoder splats_;

private:
    ShCoder sh_;
};

class BlockCoder : public SplatBlock {
public:
    explicit BlockCoder(const Params &params) : SplatBlock(params, CodeShape{}) {}

    // Encodes a layer; codes sorted ascending, one target each, in that order.
    std::vector<uint8_t> encode_layer(int lowest_class, const std::vector<uint64_t> &codes, const Target *targets, Statistics *stats);
    void decode_layer(int lowest_class, size_t count, const uint8_t *data, size_t size);

private:
    template <class IO>
    void layer(IO &io, int lowest_class, std::vector<uint64_t> &codes, size_t count, const Target *targets, Statistics *stats);

    std::vector<uint64_t> earlier_;
    int layers_ = 0;
};

template <class Take>
void SplatBlock::decode_sh(size_t first, size_t count, const uint8_t *data, size_t size, Take take) {
    DecodeIO io{RangeDecoder(data, size)};
    for (size_t i = first; i < first + count; ++i) {
        if (i + 8 < first + count) splats_.expect(splats_.splats()[i + 4].code, splats_.splats()[i + 8].code);
        const Splat &s = splats_.splats()[i];
        Cell &cell = splats_.fine_cell(s.code);
        const int *symbols = sh_.code(io, s, cell.sh_count, cell.count, nullptr);
        io.check();
        take(i, symbols);
    }
    io.check_end();
}

// Symbols to the values of a scene: float32 means [3], quats wxyz [4], log_scales [3], opacity logit, colour [3] (the constant
// harmonic); then the harmonics beyond, [sh_rest][3], of symbols or null.
void reconstruct_mean(const Params &p, const Splat &s, double *mean);  // before it is rounded
void reconstruct_geometry(const Params &p, const Splat &s, float *mean, float *quat, float *log_scale, float *opacity_logit, float *colour);
void reconstruct_harmonics(const Params &p, const Splat &s, const int *sh_symbols, float *rest);

}  // namespace gsz
