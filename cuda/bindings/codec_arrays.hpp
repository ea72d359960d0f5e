// What the codec's bindings share: numpy arrays in and out.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "codec/encoder.hpp"
#include "codec/file.hpp"

namespace nb = nanobind;
using namespace gsz;

template <class T, int D>
using In = nb::ndarray<const T, nb::ndim<D>, nb::c_contig, nb::device::cpu>;

inline void rows(size_t found, size_t expected, const char *name) {
    if (found != expected) throw nb::value_error((std::string(name) + ": expected " + std::to_string(expected) + " rows, found " + std::to_string(found)).c_str());
}

template <class T>
inline nb::object array(std::vector<T> values, std::initializer_list<size_t> shape) {
    auto *owned = new std::vector<T>(std::move(values));
    nb::capsule free(owned, [](void *p) noexcept { delete static_cast<std::vector<T> *>(p); });
    return nb::cast(nb::ndarray<nb::numpy, T>(owned->data(), shape, free));
}

// Memory that is touched only where the decoder writes: a file that lies about its size is found out before it costs any.
inline std::unique_ptr<float[]> floats(size_t n) { return std::unique_ptr<float[]>(new float[n]); }

inline nb::object array(std::unique_ptr<float[]> values, std::initializer_list<size_t> shape) {
    nb::capsule free(values.get(), [](void *p) noexcept { delete[] static_cast<float *>(p); });
    return nb::cast(nb::ndarray<nb::numpy, float>(values.release(), shape, free));
}

// The rows of `n` splats that an encoder takes, checked; those of `codes` are the caller's to check.
inline EncodeInput encode_input(size_t n, size_t components, const In<uint64_t, 1> &codes, const In<double, 2> &values, const In<double, 3> &axes, const In<double, 2> &means, const In<double, 2> &weights,
                                const In<int32_t, 2> &classes, const In<float, 2> &sh) {
    rows(values.shape(0), n, "values");
    rows(values.shape(1), SCALARS, "values columns");
    rows(axes.shape(0), n, "axes");
    rows(means.shape(0), n, "means");
    rows(weights.shape(0), n, "weights");
    rows(classes.shape(0), n, "classes");
    rows(sh.shape(0), n, "sh");
    rows(sh.shape(1), components, "sh columns");
    return {codes.data(), values.data(), axes.data(), means.data(), weights.data(), classes.data(), sh.data()};
}

// (geometry or anchors chunks, harmonics chunks, both by block and layer; bits of the first `groups` groups; normal equations;
// rows of the basis in use).
nb::tuple encoded(const std::vector<EncodedBlock> &out, const Statistics &stats, size_t groups);
