#include "network_payload.hpp"

#include <bit>
#include <cstdlib>

#include "symbols.hpp"

namespace gsz {
namespace {

class Fields {  // little-endian, of bytes that may end too soon
public:
    Fields(const char *section, const uint8_t *data, size_t size) : section_(section), data_(data), size_(size) {}

    int take(int bytes, int low, int high, const char *field) {
        if (size_ - at_ < static_cast<size_t>(bytes)) fail(FormatFault::CORRUPT, section_, "all of its fields", std::to_string(size_) + " bytes");
        int v = 0;
        for (int i = 0; i < bytes; ++i) v |= data_[at_++] << (8 * i);
        if (v < low || v > high) fail(FormatFault::CORRUPT, std::string(section_) + "." + field, std::to_string(low) + " to " + std::to_string(high), std::to_string(v));
        return v;
    }
    size_t at() const { return at_; }

private:
    const char *section_;
    const uint8_t *data_;
    size_t size_, at_ = 0;
};

void put(std::vector<uint8_t> &out, int v, int bytes) {
    for (int i = 0; i < bytes; ++i) out.push_back(static_cast<uint8_t>(v >> (8 * i)));
}

// Weights, biases and shifts of a layer.
uint64_t numbers_in(int in, int out) { return static_cast<uint64_t>(out) * (static_cast<uint64_t>(in) + 2); }

void check_symbols(uint64_t count, size_t size, const char *section) {
    if (count > MAX_SYMBOLS_PER_BYTE * (uint64_t{size} + 1))
        fail(FormatFault::CORRUPT, section, "at most " + std::to_string(MAX_SYMBOLS_PER_BYTE) + " numbers per byte", std::to_string(count));
}

// `out` with a stream and the zeros that its numbers need.
std::vector<uint8_t> with_stream(std::vector<uint8_t> out, std::vector<uint8_t> stream, uint64_t numbers) {
    stream.resize(std::max<uint64_t>(stream.size(), std::max<uint64_t>((numbers + MAX_SYMBOLS_PER_BYTE - 1) / MAX_SYMBOLS_PER_BYTE, 1) - 1));
    out.insert(out.end(), stream.begin(), stream.end());
    return out;
}

// Weights, biases and shifts of all networks, in either direction.
class NetworkCoder {
public:
    template <class IO>
    void code(IO &io, AnchorNetworks &networks) {
        int layer = 0;
        for (IntegerNetwork &network : networks.networks)
            for (IntegerLayer &l : network.layers) code(io, l, layer++);
    }

private:
    template <class IO>
    void code(IO &io, IntegerLayer &l, int layer) {
        int shift = 0;
        for (int o = 0; o < l.out; ++o) {
            shift += code_signed(io, shifts_, shifts_.at({layer}), l.shift[o] - shift);
            if (shift < 0 || shift > MAX_SHIFT) broken("a shift beyond 24");
            l.shift[o] = static_cast<uint8_t>(shift);
            const int high = code_signed(io, biases_, biases_.at({layer}), l.bias[o] >> 8);
            const int64_t bias = int64_t{high} * 256 + code_raw(io, 8, l.bias[o] & 255);
            if (bias < -BIAS_LIMIT || bias > BIAS_LIMIT) broken("a bias beyond 2^30");
            l.bias[o] = static_cast<int32_t>(bias);
            int left = 0;
            for (int i = 0; i < l.in; ++i) {
                const int above = o ? width(l.weight(o - 1, i)) : 0;
                const int v = code_signed(io, weights_, weights_.at({layer, i, left * 8 + above}), l.weight(o, i));
                if (v < -WEIGHT_LIMIT || v > WEIGHT_LIMIT) broken("a weight beyond 127");
                l.weight(o, i) = static_cast<int16_t>(v);
                left = width(v);
            }
            if constexpr (std::is_same_v<IO, DecodeIO>) io.check();
        }
    }
    static int width(int v) { return std::bit_width(static_cast<unsigned>(std::abs(v))); }

    Decisions<1> shifts_{SIGNED_NODES, {NETWORKS * MAX_NETWORK_LAYERS}}, biases_{SIGNED_NODES, {NETWORKS * MAX_NETWORK_LAYERS}};
    Decisions<3> weights_{SIGNED_NODES, {NETWORKS * MAX_NETWORK_LAYERS, MAX_WIDTH, 64}};
};

template <class IO>
void code_grid(IO &io, ConditionGrid &grid) {
    Decisions<1> model(1, {MAX_CONDITION});
    int level = 0;
    for (GridLevel &l : grid.levels) {
        const size_t rows = l.rows();
        for (size_t r = 0; r < rows; ++r) {
            for (int f = 0; f < grid.features; ++f) {
                int8_t &entry = l.entries[r * grid.features + f];
                entry = model.code(io, model.at({level * grid.features + f}), 0, entry > 0) ? 1 : -1;
            }
            if constexpr (std::is_same_v<IO, DecodeIO>) io.check();
        }
        ++level;
    }
}

}  // namespace

std::vector<uint8_t> encode_networks(const AnchorNetworks &networks) {
    std::vector<uint8_t> out;
    for (int v : {networks.slots, networks.hyper, networks.latent, networks.condition, networks.cell_shift[0], networks.cell_shift[1]}) put(out, v, 1);
    for (const IntegerNetwork &n : networks.networks) put(out, static_cast<int>(n.layers.size()), 1);
    put(out, 0, 1);
    for (uint16_t s : networks.hyper_steps) put(out, s, 2);
    for (uint16_t s : networks.latent_steps) put(out, s, 2);
    for (const IntegerNetwork &n : networks.networks)
        for (const IntegerLayer &l : n.layers) put(out, l.out, 2);
    EncodeIO io;
    AnchorNetworks copy = networks;
    NetworkCoder().code(io, copy);
    uint64_t numbers = 0;
    for (const IntegerNetwork &n : networks.networks)
        for (const IntegerLayer &l : n.layers) numbers += numbers_in(l.in, l.out);
    return with_stream(std::move(out), io.coder.finish(), numbers);
}

std::vector<uint8_t> encode_grid(const ConditionGrid &grid) {
    std::vector<uint8_t> out;
    put(out, static_cast<int>(grid.levels.size()), 1);
    put(out, grid.features, 1);
    for (const GridLevel &l : grid.levels) {
        put(out, l.resolution, 2);
        put(out, l.log2_table, 1);
    }
    EncodeIO io;
    ConditionGrid copy = grid;
    code_grid(io, copy);
    uint64_t numbers = 0;
    for (const GridLevel &l : grid.levels) numbers += l.entries.size();
    return with_stream(std::move(out), io.coder.finish(), numbers);
}

AnchorNetworks read_networks_head(const uint8_t *data, size_t size, size_t &head) {
    Fields in("networks", data, size);
    AnchorNetworks n;
    n.slots = in.take(1, 1, MAX_SLOTS, "slots");
    n.hyper = in.take(1, 0, MAX_HYPER, "hyper");
    n.latent = in.take(1, 0, MAX_LATENT, "latent");
    n.condition = in.take(1, 0, MAX_CONDITION, "condition");
    n.cell_shift[0] = in.take(1, 0, 63, "cell_shift");
    n.cell_shift[1] = in.take(1, n.cell_shift[0], 63, "cell_shift");
    int layers[NETWORKS];
    for (int &l : layers) l = in.take(1, 0, MAX_NETWORK_LAYERS, "layers");
    in.take(1, 0, 0, "reserved");
    for (int i = 0; i < n.hyper; ++i) n.hyper_steps.push_back(static_cast<uint16_t>(in.take(2, 1, 65535, "step")));
    for (int i = 0; i < n.latent; ++i) n.latent_steps.push_back(static_cast<uint16_t>(in.take(2, 1, 65535, "step")));
    uint64_t symbols = 0;
    std::vector<std::array<int, 2>> shapes[NETWORKS];
    for (int k = 0; k < NETWORKS; ++k) {
        int width = n.inputs(k);
        if (layers[k] && (width == 0 || n.outputs(k) == 0)) fail(FormatFault::CORRUPT, "networks.layers", "0 where a network has nothing to do", std::to_string(layers[k]));
        for (int l = 0; l < layers[k]; ++l) {
            const bool last = l == layers[k] - 1;
            const int out = in.take(2, last ? n.outputs(k) : 1, last ? n.outputs(k) : MAX_WIDTH, "width");
            shapes[k].push_back({width, out});
            symbols += numbers_in(width, out);
            width = out;
        }
    }
    head = in.at();
    check_symbols(symbols, size - head, "networks");
    for (int k = 0; k < NETWORKS; ++k)
        for (const auto &[width, out] : shapes[k]) n.networks[k].layers.emplace_back(width, out);
    return n;
}

ConditionGrid read_grid_head(const uint8_t *data, size_t size, const AnchorNetworks &networks, size_t &head) {
    Fields in("condition", data, size);
    ConditionGrid g;
    const int levels = in.take(1, 1, MAX_GRID_LEVELS, "levels");
    g.features = in.take(1, 1, MAX_GRID_FEATURES, "features");
    if (levels * g.features != networks.condition) fail(FormatFault::CORRUPT, "condition.features", std::to_string(networks.condition) + " with all levels", std::to_string(levels * g.features));
    uint64_t symbols = 0;
    for (int l = 0; l < levels; ++l) {
        GridLevel level{in.take(2, 2, MAX_RESOLUTION, "resolution"), 0, {}};
        level.log2_table = in.take(1, 0, MAX_LOG2_TABLE, "table");
        symbols += level.rows() * g.features;
        g.levels.push_back(std::move(level));
    }
    head = in.at();
    check_symbols(symbols, size - head, "condition");
    for (GridLevel &l : g.levels) l.entries.resize(l.rows() * g.features);
    return g;
}

void decode_networks(AnchorNetworks &networks, const uint8_t *data, size_t size) {
    DecodeIO io{RangeDecoder(data, size)};
    NetworkCoder().code(io, networks);
    io.check_end();
}

void decode_grid(ConditionGrid &grid, const uint8_t *data, size_t size) {
    DecodeIO io{RangeDecoder(data, size)};
    code_grid(io, grid);
    io.check_end();
}

}  // namespace gsz
