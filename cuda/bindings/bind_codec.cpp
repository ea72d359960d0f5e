// numpy arrays in and out of the codec. Shapes and types are checked by the signatures and `rows`; GIL released.
#include "codec_arrays.hpp"

nb::tuple encoded(const std::vector<EncodedBlock> &out, const Statistics &stats, size_t groups) {
    auto chunks = [&](auto member) {
        nb::list by_block;
        for (const EncodedBlock &b : out) {
            nb::list by_layer;
            for (const auto &bytes : b.*member) by_layer.append(nb::bytes(reinterpret_cast<const char *>(bytes.data()), bytes.size()));
            by_block.append(by_layer);
        }
        return by_block;
    };
    std::vector<double> normal;
    for (auto &matrix : stats.normal)
        for (auto &row : matrix) normal.insert(normal.end(), row.begin(), row.end());
    int components = 0;
    for (const EncodedBlock &b : out) components = std::max(components, b.components_used);
    return nb::make_tuple(chunks(&EncodedBlock::geometry), chunks(&EncodedBlock::sh), array(std::vector<double>(stats.bits.begin(), stats.bits.begin() + groups), {groups}),
                          array(std::move(normal), {SCALARS, FEATURES + 1, FEATURES + 1}), components);
}

static Params make_params(int depth, std::array<double, 3> origin, double voxel, int sh_rest, std::vector<int> log2_step, std::array<int, 3> view_centre, int view_radius, int log2_footprint, std::vector<int> mean,
                          In<int16_t, 2> predictor, In<int8_t, 2> sh_basis) {
    Params p;
    if (depth < 1 || depth > MAX_DEPTH) throw nb::value_error("depth: expected 1 to 21");
    if (log2_step.size() != STEP_COUNT || mean.size() != SCALARS) throw nb::value_error("log2_step or mean: wrong length");
    rows(predictor.shape(0), SCALARS, "predictor");
    rows(predictor.shape(1), FEATURES, "predictor columns");
    p.depth = depth;
    p.origin = origin;
    p.voxel = voxel;
    p.sh_rest = sh_rest;
    p.sh_components = static_cast<int>(sh_basis.shape(0));
    if (p.sh_components > 3 * sh_rest || sh_rest > 15) throw nb::value_error("sh_basis: more rows than coefficients");
    if (p.sh_components) rows(sh_basis.shape(1), 3 * static_cast<size_t>(sh_rest), "sh_basis columns");
    std::copy(log2_step.begin(), log2_step.end(), p.log2_step.begin());
    p.view_centre = view_centre;
    p.view_radius = view_radius;
    p.log2_footprint = log2_footprint;
    std::copy(mean.begin(), mean.end(), p.mean.begin());
    for (int j = 0; j < SCALARS; ++j)
        for (int k = 0; k < FEATURES; ++k) p.predictor[j][k] = predictor(j, k);
    p.sh_basis.assign(sh_basis.data(), sh_basis.data() + sh_basis.size());
    p.prepare();
    return p;
}

static nb::tuple encode(const Params &p, std::vector<int> lowest_class, std::vector<std::vector<int>> block_layers, In<uint64_t, 1> codes, In<double, 2> values, In<double, 3> axes,
                        In<double, 2> means, In<double, 2> weights, In<int32_t, 2> classes, In<float, 2> sh, int threads) {
    std::vector<BlockInput> blocks;
    size_t n = 0;
    for (const auto &layers : block_layers) {
        rows(layers.size(), lowest_class.size(), "block_layers");
        blocks.push_back({layers, n});
        for (int k : layers) n += static_cast<size_t>(k);
    }
    rows(codes.shape(0), n, "codes");
    const EncodeInput in = encode_input(n, static_cast<size_t>(p.sh_components), codes, values, axes, means, weights, classes, sh);
    Statistics stats;
    std::vector<EncodedBlock> out;
    {
        nb::gil_scoped_release release;
        out = encode_blocks(p, lowest_class, blocks, in, nullptr, threads, &stats);
    }
    return encoded(out, stats, Statistics::SPLAT_GROUPS);
}

// (arrays..., facts) of the scene, or (kind, field, expected, found) of what is wrong: errors.py has the types.
static nb::tuple decode(nb::bytes data, bool partial, size_t max_splats, int threads) {
    const auto *bytes = reinterpret_cast<const uint8_t *>(data.c_str());
    std::unique_ptr<float[]> means, quats, log_scales, opacity_logits, sh;
    File file;
    size_t k = 1;
    try {
        nb::gil_scoped_release release;
        file = parse(bytes, data.size(), partial, max_splats);
        const size_t n = file.rows;
        k += static_cast<size_t>(file.params.sh_rest);
        means = floats(3 * n);
        quats = floats(4 * n);
        log_scales = floats(3 * n);
        opacity_logits = floats(n);
        sh = floats(3 * k * n);
        decode_blocks(file.params, file.networks.get(), file.lowest_class, file.blocks, {means.get(), quats.get(), log_scales.get(), opacity_logits.get(), sh.get()}, threads);
    } catch (const FormatFault &f) {
        return nb::make_tuple(static_cast<int>(f.kind), f.field, f.expected, f.found);
    } catch (const std::bad_alloc &) {
        return nb::make_tuple(static_cast<int>(FormatFault::UNSUPPORTED), std::string("header.splats"), std::string("as many as fit into memory"), std::to_string(file.splats));
    }
    const size_t n = file.rows;
    return nb::make_tuple(array(std::move(means), {n, 3}), array(std::move(quats), {n, 4}), array(std::move(log_scales), {n, 3}), array(std::move(opacity_logits), {n}),
                          array(std::move(sh), {n, k, 3}), file.antialiased, file.chunks, file.chunks_total);
}

// The fixed tables, by name, so that tests can compare them with the reference decoder's.
static nb::dict codec_tables() {
    nb::dict out;
    auto add = [&](const char *name, const auto &table) { out[name] = array(std::vector<int32_t>(table.begin(), table.end()), {table.size()}); };
    add("squash", TABLES.squash);
    for (int i = 1; i <= MAX_CONTEXTS; ++i) add(("rate" + std::to_string(i)).c_str(), TABLES.rate[i]);
    add("hypot", STEP_TABLES.hypot);
    add("sinh", STEP_TABLES.sinh);
    add("log2", STEP_TABLES.log2);
    return out;
}

void bind_codec(nb::module_ &m) {
    nb::class_<Params>(m, "Params").def_static("make", &make_params, nb::arg("depth"), nb::arg("origin"), nb::arg("voxel"), nb::arg("sh_rest"), nb::arg("log2_step"),
                                               nb::arg("view_centre"), nb::arg("view_radius"), nb::arg("log2_footprint"), nb::arg("mean"), nb::arg("predictor"), nb::arg("sh_basis"));
    m.def("encode", &encode, nb::arg("params"), nb::arg("lowest_class"), nb::arg("block_layers"), nb::arg("codes"), nb::arg("values"), nb::arg("axes"), nb::arg("means"),
          nb::arg("weights"), nb::arg("classes"), nb::arg("sh"), nb::arg("threads"));
    m.def("encode_basis", [](In<int8_t, 2> basis) {
        const auto out = encode_basis(std::vector<int8_t>(basis.data(), basis.data() + basis.size()), static_cast<int>(basis.shape(0)), static_cast<int>(basis.shape(1)));
        return nb::bytes(reinterpret_cast<const char *>(out.data()), out.size());
    });
    m.def("codec_tables", &codec_tables);
    m.def("decode", &decode, nb::arg("data"), nb::arg("partial"), nb::arg("max_splats"), nb::arg("threads"));
}
