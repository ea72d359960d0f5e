// Files of anchors: their networks and grids from numpy arrays, and the encoder.
#include <algorithm>

#include "codec/network_payload.hpp"
#include "codec_arrays.hpp"

namespace {

using Layer = std::tuple<In<int8_t, 2>, In<int32_t, 1>, In<uint8_t, 1>>;  // weights [out, in], bias [out], shift [out]
using Level = std::tuple<int, int, In<int8_t, 2>>;                         // resolution, table size, entries [rows, features]

void demand(bool holds, const std::string &what) {
    if (!holds) throw nb::value_error(what.c_str());
}

IntegerLayer layer_of(const Layer &arrays, int in) {
    const auto &[weights, bias, shift] = arrays;
    const size_t out = weights.shape(0);
    rows(bias.shape(0), out, "bias");
    rows(shift.shape(0), out, "shift");
    demand(weights.shape(1) == static_cast<size_t>(in), "weights: expected " + std::to_string(in) + " columns, found " + std::to_string(weights.shape(1)));
    demand(in <= MAX_WIDTH && out >= 1 && out <= MAX_LAST_WIDTH, "weights: a layer is at most 256 wide, the last 1024");
    IntegerLayer layer(in, static_cast<int>(out));
    for (int o = 0; o < layer.out; ++o) {
        demand(std::abs(static_cast<int64_t>(bias(o))) <= BIAS_LIMIT, "bias: expected less than 2^30");
        demand(shift(o) <= MAX_SHIFT, "shift: expected 0 to 24");
        layer.bias[o] = bias(o);
        layer.shift[o] = shift(o);
        for (int i = 0; i < in; ++i) {
            demand(weights(o, i) >= -WEIGHT_LIMIT, "weights: expected -127 to 127");
            layer.weight(o, i) = weights(o, i);
        }
    }
    return layer;
}

IntegerNetwork network_of(const std::vector<Layer> &layers, int in) {
    IntegerNetwork out;
    demand(layers.size() <= MAX_NETWORK_LAYERS, "layers: expected at most 4");
    for (const Layer &l : layers) {
        out.layers.push_back(layer_of(l, in));
        in = out.layers.back().out;
    }
    return out;
}

ConditionGrid grid_of(int features, const std::vector<Level> &levels) {
    ConditionGrid out;
    out.features = features;
    demand(levels.empty() || (levels.size() <= MAX_GRID_LEVELS && features >= 1 && features <= MAX_GRID_FEATURES), "grid: expected at most 12 levels of 1 to 8 features");
    for (const auto &[resolution, table, entries] : levels) {
        demand(resolution >= 2 && resolution <= MAX_RESOLUTION, "resolution: expected 2 to 512");
        demand(table >= 1 && table <= 1 << MAX_LOG2_TABLE && std::has_single_bit(static_cast<unsigned>(table)), "table size: expected a power of two up to 2^15");
        GridLevel level{resolution, std::countr_zero(static_cast<unsigned>(table)), {}};
        rows(entries.shape(0), level.rows(), "entries");
        rows(entries.shape(1), static_cast<size_t>(features), "entries columns");
        level.entries.assign(entries.data(), entries.data() + entries.size());
        demand(std::all_of(level.entries.begin(), level.entries.end(), [](int8_t v) { return v == 1 || v == -1; }), "entries: expected -1 and 1");
        out.levels.push_back(std::move(level));
    }
    return out;
}

AnchorNetworks make_networks(int slots, std::array<int, 2> cell_shift, In<uint16_t, 1> hyper_steps, In<uint16_t, 1> latent_steps, const std::vector<std::vector<Layer>> &networks, int features, const std::vector<Level> &levels) {
    AnchorNetworks n;
    demand(slots >= 1 && slots <= MAX_SLOTS, "slots: expected 1 to 48");
    demand(cell_shift[0] >= 0 && cell_shift[0] <= cell_shift[1] && cell_shift[1] <= 63, "cell_shift: expected 0 to 63, ascending");
    demand(hyper_steps.shape(0) <= MAX_HYPER && latent_steps.shape(0) <= MAX_LATENT, "steps: expected at most 64");
    n.slots = slots;
    n.cell_shift = cell_shift;
    n.hyper_steps.assign(hyper_steps.data(), hyper_steps.data() + hyper_steps.size());
    n.latent_steps.assign(latent_steps.data(), latent_steps.data() + latent_steps.size());
    for (const auto *steps : {&n.hyper_steps, &n.latent_steps}) demand(std::all_of(steps->begin(), steps->end(), [](uint16_t s) { return s > 0; }), "steps: expected 1 or more");
    n.hyper = static_cast<int>(n.hyper_steps.size());
    n.latent = static_cast<int>(n.latent_steps.size());
    n.grid = grid_of(features, levels);
    n.condition = n.grid.width();
    demand(n.condition <= MAX_CONDITION, "grid: expected at most 64 features with all levels");
    rows(networks.size(), NETWORKS, "networks");
    for (int k = 0; k < NETWORKS; ++k) {
        if (networks[k].empty()) continue;
        demand(n.inputs(k) > 0 && n.outputs(k) > 0, "networks: one has nothing to do");
        n.networks[k] = network_of(networks[k], n.inputs(k));
        demand(n.networks[k].layers.back().out == n.outputs(k), "weights: expected " + std::to_string(n.outputs(k)) + " rows in the last layer");
    }
    return n;
}

nb::bytes bytes_of(const std::vector<uint8_t> &v) { return nb::bytes(reinterpret_cast<const char *>(v.data()), v.size()); }

// int16 [N, out] of one network, of activations [N, in].
nb::object run(const AnchorNetworks &n, int network, In<int16_t, 2> x) {
    demand(network >= 0 && network < NETWORKS && !n.networks[network].absent(), "network: it is absent");
    const size_t in = static_cast<size_t>(n.inputs(network)), out = static_cast<size_t>(n.outputs(network)), count = x.shape(0);
    rows(x.shape(1), in, "x columns");
    std::vector<int16_t> y(count * out);
    IntegerNetwork::Scratch scratch;
    for (size_t i = 0; i < count; ++i) {
        for (size_t k = 0; k < in; ++k) scratch.input()[k] = activation(x(i, k));
        std::copy_n(n.networks[network].run(scratch), out, y.data() + i * out);
    }
    return array(std::move(y), {count, out});
}

// int16 [N, condition] at voxels.
nb::object condition(const AnchorNetworks &n, In<uint64_t, 1> codes, int depth) {
    demand(depth >= 1 && depth <= MAX_DEPTH, "depth: expected 1 to 21");
    const size_t count = codes.shape(0), width = static_cast<size_t>(n.condition);
    std::vector<int16_t> out(count * width);
    for (size_t i = 0; i < count; ++i) {
        demand(codes(i) >> (3 * depth) == 0, "codes: expected voxels of the octree");
        n.grid.at(codes(i), depth, out.data() + i * width);
    }
    return array(std::move(out), {count, width});
}

nb::tuple encode_anchors(const Params &p, const AnchorNetworks &n, int lowest_class, const std::vector<int> &block_anchors, In<uint64_t, 1> codes, In<int32_t, 2> hyper, In<int32_t, 2> latent, In<uint8_t, 2> presence,
                         In<double, 2> values, In<double, 3> axes, In<double, 2> means, In<double, 2> weights, In<int32_t, 2> classes, In<float, 2> sh, bool with_inputs, int threads) {
    demand(lowest_class >= 0 && lowest_class < CLASSES, "lowest_class: expected 0 to 15");
    const size_t anchors = codes.shape(0);
    rows(hyper.shape(0), anchors, "hyper");
    rows(hyper.shape(1), static_cast<size_t>(n.hyper), "hyper columns");
    rows(latent.shape(0), anchors, "latent");
    rows(latent.shape(1), static_cast<size_t>(n.latent), "latent columns");
    rows(presence.shape(0), anchors, "presence");
    rows(presence.shape(1), static_cast<size_t>(n.slots), "presence columns");
    constexpr int32_t most = 1 << 22;  // the coder takes a difference of less than 2^23
    for (const auto *symbols : {&hyper, &latent})
        for (size_t i = 0; i < symbols->size(); ++i) demand(std::abs(static_cast<int64_t>(symbols->data()[i])) <= most, "hyper, latent: expected at most 2^22");
    std::vector<BlockInput> blocks;
    size_t a = 0, children = 0;
    for (int count : block_anchors) {
        demand(count >= 0 && static_cast<size_t>(count) <= anchors - a, "block_anchors: more than there are codes");
        BlockInput block{{0}, children, static_cast<size_t>(count), a};
        for (int i = 0; i < count; ++i, ++a) {
            demand(codes(a) >> (3 * p.depth) == 0 && (i == 0 || codes(a - 1) <= codes(a)), "codes: expected voxels of the octree, ascending in each block");
            int own = 0;
            for (int k = 0; k < n.slots; ++k) own += presence(a, k) != 0;
            demand(own > 0, "presence: expected a child in every anchor");
            block.layer_counts[0] += own;
        }
        children += static_cast<size_t>(block.layer_counts[0]);
        blocks.push_back(std::move(block));
    }
    rows(anchors, a, "codes");
    rows(values.shape(0), children, "values");
    rows(values.shape(1), SCALARS, "values columns");
    rows(axes.size(), 9 * children, "axes");
    rows(means.size(), 3 * children, "means");
    rows(weights.size(), 2 * children, "weights");
    rows(classes.size(), 2 * children, "classes");
    rows(sh.shape(0), children, "sh");
    rows(sh.shape(1), static_cast<size_t>(p.sh_components), "sh columns");
    for (size_t i = 0; i < children; ++i)
        demand(classes(i, 0) >= lowest_class && classes(i, 0) < CLASSES && classes(i, 1) >= 0 && classes(i, 1) < CLASSES, "classes: expected lowest_class to 15, and 0 to 15");
    const size_t width = static_cast<size_t>(n.inputs(CHILDREN));
    std::vector<int16_t> inputs(with_inputs ? anchors * width : 0);
    std::vector<int32_t> expected(with_inputs ? children * 2 * SCALARS : 0);
    const EncodeInput in{nullptr, values.data(), axes.data(), means.data(), weights.data(), classes.data(), sh.data()};
    const AnchorInput of{&n, codes.data(), hyper.data(), latent.data(), presence.data(), with_inputs ? inputs.data() : nullptr, with_inputs ? expected.data() : nullptr};
    Statistics stats;
    std::vector<EncodedBlock> out;
    {
        nb::gil_scoped_release release;
        out = encode_blocks(p, {lowest_class}, blocks, in, &of, threads, &stats);
    }
    return nb::make_tuple(encoded(out, stats, Statistics::GROUPS), array(std::move(inputs), {with_inputs ? anchors : 0, width}), array(std::move(expected), {with_inputs ? children : 0, 2 * SCALARS}));
}

}  // namespace

void bind_anchors(nb::module_ &m) {
    nb::class_<AnchorNetworks>(m, "AnchorNetworks")
        .def_static("make", &make_networks, nb::arg("slots"), nb::arg("cell_shift"), nb::arg("hyper_steps"), nb::arg("latent_steps"), nb::arg("networks"), nb::arg("features"), nb::arg("levels"))
        .def_prop_ro("work", &AnchorNetworks::work)
        .def("run", &run, nb::arg("network"), nb::arg("x"))
        .def("condition", &condition, nb::arg("codes"), nb::arg("depth"));
    m.def("encode_networks", [](const AnchorNetworks &n) { return bytes_of(encode_networks(n)); });
    m.def("encode_grid", [](const AnchorNetworks &n) { return bytes_of(encode_grid(n.grid)); });
    m.def("encode_anchors", &encode_anchors, nb::arg("params"), nb::arg("networks"), nb::arg("lowest_class"), nb::arg("block_anchors"), nb::arg("codes"), nb::arg("hyper"), nb::arg("latent"), nb::arg("presence"),
          nb::arg("values"), nb::arg("axes"), nb::arg("means"), nb::arg("weights"), nb::arg("classes"), nb::arg("sh"), nb::arg("with_inputs"), nb::arg("threads"));
}
