// What a file of anchors carries to predict them: a grid of signs over the scene, and small networks in integers.
// Everything is exact; FORMAT.md, "Networks" and "Condition grid".
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gsz {

inline constexpr int MAX_LATENT = 64, MAX_HYPER = 64, MAX_CONDITION = 64, MAX_SLOTS = 48;
inline constexpr int MAX_NETWORK_LAYERS = 4, MAX_WIDTH = 256, MAX_LAST_WIDTH = 1024, MAX_SHIFT = 24;
inline constexpr int WEIGHT_LIMIT = 127, BIAS_LIMIT = (1 << 30) - 1;
inline constexpr int MAX_GRID_LEVELS = 12, MAX_GRID_FEATURES = 8, MAX_RESOLUTION = 512, MAX_LOG2_TABLE = 15;
inline constexpr int ACTIVATION_LIMIT = 32767;
inline constexpr int NEAR = 28;  // values in two cells and their spreads, beside condition, hyper-latent and latent in the children's network

inline int16_t activation(int64_t v) { return static_cast<int16_t>(v < -ACTIVATION_LIMIT ? -ACTIVATION_LIMIT : (v > ACTIVATION_LIMIT ? ACTIVATION_LIMIT : v)); }

struct IntegerLayer {
    // Rows of weights are filled up with zeros to a multiple of this, so that the sums run over whole vectors.
    static constexpr int BATCH = 16;

    IntegerLayer(int in, int out) : in(in), out(out), stride((in + BATCH - 1) / BATCH * BATCH), weights(static_cast<size_t>(stride) * out), bias(out), shift(out) {}
    int16_t &weight(int row, int column) { return weights[static_cast<size_t>(row) * stride + column]; }
    int weight(int row, int column) const { return weights[static_cast<size_t>(row) * stride + column]; }

    int in, out, stride;
    std::vector<int16_t> weights;  // [out][stride], within 127
    std::vector<int32_t> bias;     // within 2^30 - 1
    std::vector<uint8_t> shift;    // 0 to 24
};

// Activations in 1/256. No layers: the network is absent.
struct IntegerNetwork {
    struct Scratch {  // room for two layers' activations
        alignas(64) int16_t values[2][MAX_LAST_WIDTH];
        int16_t *input() { return values[0]; }
    };

    std::vector<IntegerLayer> layers;

    bool absent() const { return layers.empty(); }
    // From `scratch.input()`; the result lies in `scratch`, until the next call.
    const int16_t *run(Scratch &scratch) const;
};

struct GridLevel {
    int resolution, log2_table;
    std::vector<int8_t> entries;  // [rows][features], -1 or 1

    bool dense() const { return uint64_t(resolution) * resolution * resolution <= uint64_t{1} << log2_table; }
    size_t rows() const { return dense() ? static_cast<size_t>(resolution) * resolution * resolution : size_t{1} << log2_table; }
};

struct ConditionGrid {
    int features = 0;
    std::vector<GridLevel> levels;

    int width() const { return features * static_cast<int>(levels.size()); }
    // [width], of the voxel with this Morton code in an octree of that depth.
    void at(uint64_t code, int depth, int16_t *out) const;
};

enum Network { HYPER_PRIOR, LATENT_PRIOR, CHILDREN, NETWORKS };

struct AnchorNetworks {
    int slots = 1, hyper = 0, latent = 0, condition = 0;
    std::array<int, 2> cell_shift{3, 15};
    std::vector<uint16_t> hyper_steps, latent_steps;  // in 1/256
    std::array<IntegerNetwork, NETWORKS> networks;
    ConditionGrid grid;  // of width `condition`

    int inputs(int network) const;   // width of a network's input
    int outputs(int network) const;  // and of its output
    uint64_t work() const;           // of one anchor, about the number of multiplications
};

}  // namespace gsz
