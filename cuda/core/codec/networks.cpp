#include "networks.hpp"

#include <algorithm>

#include "splat_coder.hpp"

namespace gsz {
namespace {

// The bounds of weights, widths, biases and shifts keep every sum within 32 bits: 256 * 127 * 32767 + 2^30 + 2^23 < 2^31.
void run_layer(const IntegerLayer &layer, bool last, const int16_t *__restrict x, int16_t *__restrict y) {
    const int16_t *w = layer.weights.data();
    for (int o = 0; o < layer.out; ++o, w += layer.stride) {
        int32_t sum = layer.bias[o];
        for (int i = 0; i < layer.stride; ++i) sum += static_cast<int32_t>(w[i]) * x[i];
        const int shift = layer.shift[o];
        sum = (sum + ((1 << shift) >> 1)) >> shift;
        y[o] = activation(last ? sum : std::max(sum, 0));
    }
}

}  // namespace

const int16_t *IntegerNetwork::run(Scratch &scratch) const {
    int at = 0;
    for (const IntegerLayer &layer : layers) {
        std::fill(scratch.values[at] + layer.in, scratch.values[at] + layer.stride, int16_t{0});
        run_layer(layer, &layer == &layers.back(), scratch.values[at], scratch.values[1 - at]);
        at = 1 - at;
    }
    return scratch.values[at];
}

void ConditionGrid::at(uint64_t code, int depth, int16_t *out) const {
    uint32_t place[3];
    for (int a = 0; a < 3; ++a) place[a] = static_cast<uint32_t>(compact3(code >> a));
    for (const GridLevel &level : levels) {
        uint32_t cell[3];
        int32_t part[3][2];  // weights of the two corners along each axis, sum 256
        for (int a = 0; a < 3; ++a) {
            const uint64_t p = ((2 * uint64_t{place[a]} + 1) * static_cast<uint64_t>(level.resolution - 1) << 15) >> depth;
            cell[a] = static_cast<uint32_t>(p >> 16);
            part[a][1] = static_cast<int32_t>(p >> 8 & 255);
            part[a][0] = 256 - part[a][1];
        }
        const uint32_t side = static_cast<uint32_t>(level.resolution), mask = (uint32_t{1} << level.log2_table) - 1;
        const bool dense = level.dense();
        int32_t sums[MAX_GRID_FEATURES] = {};
        for (uint32_t corner = 0; corner < 8; ++corner) {
            const uint32_t bit[3] = {corner & 1, corner >> 1 & 1, corner >> 2};
            const uint32_t x = cell[0] + bit[0], y = cell[1] + bit[1], z = cell[2] + bit[2];
            const uint32_t row = dense ? x + side * (y + side * z) : (x ^ y * 2654435761U ^ z * 805459861U) & mask;
            const int32_t weight = part[0][bit[0]] * part[1][bit[1]] * part[2][bit[2]];
            const int8_t *entry = &level.entries[static_cast<size_t>(row) * features];
            for (int f = 0; f < features; ++f) sums[f] += weight * entry[f];
        }
        for (int f = 0; f < features; ++f) *out++ = static_cast<int16_t>((sums[f] + (1 << 15)) >> 16);
    }
}

int AnchorNetworks::inputs(int network) const {
    return condition + (network > HYPER_PRIOR ? hyper : 0) + (network > LATENT_PRIOR ? latent + NEAR : 0);
}

int AnchorNetworks::outputs(int network) const {
    return network == HYPER_PRIOR ? 2 * hyper : (network == LATENT_PRIOR ? 2 * latent : slots * GUESS_WIDTH);
}

uint64_t AnchorNetworks::work() const {
    uint64_t out = 16 * static_cast<uint64_t>(condition) + 64 * static_cast<uint64_t>(slots + hyper + latent);
    for (const IntegerNetwork &network : networks)
        for (const IntegerLayer &layer : network.layers) out += static_cast<uint64_t>(layer.in) * layer.out;
    return out;
}

}  // namespace gsz
