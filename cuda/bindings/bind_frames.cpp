// Frames of a sequence for Python. A `Frame` is a decoded frame with all that frames which follow it need.
#include "codec_arrays.hpp"
#include "codec/frames.hpp"

namespace {

// A Frame, or (kind, field, expected, found) of what is wrong: errors.py has the types.
template <class Make>
nb::object frame_or_fault(Make make) {
    FrameState out;
    try {
        nb::gil_scoped_release release;
        out = make();
    } catch (const FormatFault &f) {
        return nb::make_tuple(static_cast<int>(f.kind), f.field, f.expected, f.found);
    } catch (const std::bad_alloc &) {
        return nb::make_tuple(static_cast<int>(FormatFault::UNSUPPORTED), std::string("splats"), std::string("as many as fit into memory"), std::string("more"));
    }
    return nb::cast(std::move(out));
}

const uint8_t *bytes_of(const nb::bytes &data) { return reinterpret_cast<const uint8_t *>(data.c_str()); }

nb::tuple arrays(const FrameState &frame, int threads) {
    const size_t n = frame.splats(), k = 1 + static_cast<size_t>(frame.params->sh_rest);
    auto means = floats(3 * n), quats = floats(4 * n), log_scales = floats(3 * n), opacity_logits = floats(n), sh = floats(3 * k * n);
    {
        nb::gil_scoped_release release;
        reconstruct(frame, {means.get(), quats.get(), log_scales.get(), opacity_logits.get(), sh.get()}, threads);
    }
    return nb::make_tuple(array(std::move(means), {n, 3}), array(std::move(quats), {n, 4}), array(std::move(log_scales), {n, 3}), array(std::move(opacity_logits), {n}),
                          array(std::move(sh), {n, k, 3}), frame.antialiased);
}

// int32 [N][9]: the seven values, geometry class, colour class of each splat.
nb::object symbols(const FrameState &frame) {
    std::vector<int32_t> out;
    for (const BlockState &b : frame.blocks)
        for (const Splat &s : b.splats) {
            out.insert(out.end(), s.value.begin(), s.value.end());
            out.push_back(s.geometry_class);
            out.push_back(s.color_class);
        }
    return array(std::move(out), {frame.splats(), SCALARS + 2});
}

// int8 [C][3 rest], in 1/127.
nb::object basis(const FrameState &frame) {
    const Params &p = *frame.params;
    std::vector<int8_t> out;
    for (float v : p.sh_basis) out.push_back(static_cast<int8_t>(v));
    return array(std::move(out), {static_cast<size_t>(p.sh_components), 3 * static_cast<size_t>(p.sh_rest)});
}

nb::tuple follow(const FrameState &before, std::vector<size_t> splats, std::vector<size_t> fresh, In<int32_t, 1> parents, In<uint64_t, 1> codes, In<double, 2> values, In<double, 3> axes,
                 In<double, 2> means, In<double, 2> weights, In<int32_t, 2> classes, In<float, 2> sh, int threads) {
    const size_t blocks = before.blocks.size();
    rows(splats.size(), blocks, "splats");
    rows(fresh.size(), blocks, "fresh");
    size_t n = 0, unheard = 0;
    for (size_t b = 0; b < blocks; ++b) {
        if (fresh[b] > splats[b]) throw nb::value_error("fresh: more than splats");
        int last = 0;
        for (size_t i = n; i < n + splats[b] - fresh[b]; ++i) {
            if (i >= parents.shape(0) || parents(i) < last || static_cast<size_t>(parents(i)) >= before.blocks[b].splats.size()) throw nb::value_error("parents: expected ascending rows of the block");
            last = parents(i);
        }
        n += splats[b];
        unheard += fresh[b];
    }
    rows(parents.shape(0), n, "parents");
    rows(codes.shape(0), unheard, "codes");
    const EncodeInput in = encode_input(n, static_cast<size_t>(before.params->sh_components), codes, values, axes, means, weights, classes, sh);
    Statistics stats;
    EncodedFollowing out;
    {
        nb::gil_scoped_release release;
        out = encode_following(before, {std::move(splats), std::move(fresh), parents.data(), in}, threads, &stats);
    }
    return nb::make_tuple(nb::bytes(reinterpret_cast<const char *>(out.payload.data()), out.payload.size()), array(std::vector<double>(stats.bits.begin(), stats.bits.begin() + Statistics::SPLAT_GROUPS), {Statistics::SPLAT_GROUPS}),
                          nb::cast(std::move(out.state)));
}

}  // namespace

void bind_frames(nb::module_ &m) {
    nb::class_<FrameState>(m, "Frame")
        .def("__len__", &FrameState::splats)
        .def("arrays", &arrays, nb::arg("threads"))
        .def("symbols", &symbols)
        .def_prop_ro("basis", &basis)
        .def_prop_ro("block_splats", [](const FrameState &f) {
            std::vector<size_t> out;
            for (const BlockState &b : f.blocks) out.push_back(b.splats.size());
            return out;
        });
    m.def("key_frame", [](nb::bytes data, size_t max_splats, int threads) { return frame_or_fault([&, size = data.size(), p = bytes_of(data)] { return key_frame(p, size, max_splats, threads); }); },
          nb::arg("data"), nb::arg("max_splats"), nb::arg("threads"));
    m.def("following_frame", [](const FrameState &before, nb::bytes data, size_t max_splats, int threads) {
        return frame_or_fault([&, size = data.size(), p = bytes_of(data)] { return following_frame(before, p, size, max_splats, threads); });
    }, nb::arg("before"), nb::arg("data"), nb::arg("max_splats"), nb::arg("threads"));
    m.def("follow", &follow, nb::arg("before"), nb::arg("splats"), nb::arg("fresh"), nb::arg("parents"), nb::arg("codes"), nb::arg("values"), nb::arg("axes"), nb::arg("means"),
          nb::arg("weights"), nb::arg("classes"), nb::arg("sh"), nb::arg("threads"));
}
