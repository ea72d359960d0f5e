// The rasteriser's entry points. Shapes and types are checked here; ValueError otherwise.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "render/backward.hpp"
#include "render/raster.hpp"

namespace nb = nanobind;
using namespace gsz::render;

namespace {

using Array = nb::ndarray<nb::numpy, nb::device::cpu>;

constexpr int kMaxSide = 32768;  // px

// The data of `array`, which has to be C-contiguous, of type T and of the given shape (-1: any).
template <class T>
T *data_of(const Array &array, const char *name, std::initializer_list<std::int64_t> shape) {
    const auto refuse = [&](const std::string &what) { throw nb::value_error((std::string(name) + ": " + what).c_str()); };
    if (array.dtype() != nb::dtype<std::remove_const_t<T>>())
        refuse(std::is_integral_v<T> ? "expected dtype int32" : sizeof(T) == 8 ? "expected dtype float64" : "expected dtype float32");
    if (array.ndim() != shape.size()) refuse("expected " + std::to_string(shape.size()) + " dimensions");
    std::int64_t stride = 1;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        const std::int64_t wanted = shape.begin()[axis], found = static_cast<std::int64_t>(array.shape(axis));
        if (wanted >= 0 && wanted != found)
            refuse("expected " + std::to_string(wanted) + " along axis " + std::to_string(axis) + ", found " +
                   std::to_string(found));
        if (found > 1 && array.size() > 0 && array.stride(axis) != stride) refuse("expected a C-contiguous array");
        stride *= found;
    }
    return static_cast<T *>(const_cast<void *>(static_cast<const void *>(array.data())));
}

struct Arguments {
    Gaussians gaussians;
    View view;
};

Arguments checked(const Array &means, const Array &quats, const Array &log_scales, const Array &opacity_logits,
                  const Array &sh, const Array &world_to_camera, const Array &intrinsics, int width, int height,
                  int sh_degree, bool antialiased) {
    Arguments out;
    Gaussians &g = out.gaussians;
    if (means.ndim() != 2) throw nb::value_error("means: expected 2 dimensions");
    g.count = means.shape(0);
    const auto n = static_cast<std::int64_t>(g.count);
    if (n >= (std::int64_t{1} << 32)) throw nb::value_error("means: expected fewer than 2^32 rows");
    g.means = data_of<const float>(means, "means", {n, 3});
    g.quats = data_of<const float>(quats, "quats", {n, 4});
    g.log_scales = data_of<const float>(log_scales, "log_scales", {n, 3});
    g.opacity_logits = data_of<const float>(opacity_logits, "opacity_logits", {n});
    g.sh = data_of<const float>(sh, "sh", {n, -1, 3});
    g.sh_coefficients = static_cast<int>(sh.shape(1));
    if (sh_degree < 0 || sh_degree > 3 || (sh_degree + 1) * (sh_degree + 1) > g.sh_coefficients)
        throw nb::value_error("sh_degree: expected 0 to 3 and no more than `sh` holds");

    View &view = out.view;
    const double *matrix = data_of<const double>(world_to_camera, "world_to_camera", {4, 4});
    const double *k = data_of<const double>(intrinsics, "intrinsics", {4});
    for (int i = 0; i < 12; ++i)
        if (!std::isfinite(matrix[i])) throw nb::value_error("world_to_camera: expected finite values");
    if (!(std::isfinite(k[0] + k[1] + k[2] + k[3]) && k[0] > 0 && k[1] > 0))
        throw nb::value_error("intrinsics: expected finite values and positive focal lengths");
    if (width < 1 || height < 1 || width > kMaxSide || height > kMaxSide)
        throw nb::value_error("width, height: expected 1 to 32768");
    for (int row = 0; row < 3; ++row) {
        for (int column = 0; column < 3; ++column)
            view.rotation[3 * row + column] = static_cast<float>(matrix[4 * row + column]);
        view.translation[row] = static_cast<float>(matrix[4 * row + 3]);
        view.position[row] =
            static_cast<float>(-(matrix[row] * matrix[3] + matrix[4 + row] * matrix[7] + matrix[8 + row] * matrix[11]));
    }
    view.fx = static_cast<float>(k[0]), view.fy = static_cast<float>(k[1]);
    view.cx = static_cast<float>(k[2]), view.cy = static_cast<float>(k[3]);
    view.width = width, view.height = height;
    view.sh_degree = sh_degree, view.antialiased = antialiased;
    return out;
}

SceneGradients outputs(const Arguments &in, const Array &by_means, const Array &by_quats, const Array &by_log_scales,
                       const Array &by_opacity_logits, const Array &by_sh, const Array &by_means2d) {
    const auto n = static_cast<std::int64_t>(in.gaussians.count);
    return {data_of<float>(by_means, "by_means", {n, 3}),
            data_of<float>(by_quats, "by_quats", {n, 4}),
            data_of<float>(by_log_scales, "by_log_scales", {n, 3}),
            data_of<float>(by_opacity_logits, "by_opacity_logits", {n}),
            data_of<float>(by_sh, "by_sh", {n, in.gaussians.sh_coefficients, 3}),
            data_of<float>(by_means2d, "by_means2d", {n, 2})};
}

}  // namespace

void bind_render(nb::module_ &m) {
    m.def(
        "render",
        [](const Array &means, const Array &quats, const Array &log_scales, const Array &opacity_logits,
           const Array &sh, const Array &world_to_camera, const Array &intrinsics, int width, int height,
           int sh_degree, bool antialiased, const Array &background, const Array &image, const Array &alpha,
           int threads) {
            const Arguments in = checked(means, quats, log_scales, opacity_logits, sh, world_to_camera, intrinsics,
                                         width, height, sh_degree, antialiased);
            const Target target{data_of<float>(image, "image", {height, width, 3}),
                                data_of<float>(alpha, "alpha", {height, width}), nullptr,
                                data_of<const float>(background, "background", {3})};
            const nb::gil_scoped_release release;
            blend(prepare(in.gaussians, in.view, threads), target, threads);
        },
        nb::arg("means"), nb::arg("quats"), nb::arg("log_scales"), nb::arg("opacity_logits"), nb::arg("sh"),
        nb::arg("world_to_camera"), nb::arg("intrinsics"), nb::arg("width"), nb::arg("height"), nb::arg("sh_degree"),
        nb::arg("antialiased"), nb::arg("background"), nb::arg("image"), nb::arg("alpha"), nb::arg("threads"),
        "Renders into `image` [height, width, 3] and `alpha` [height, width]; intrinsics = (fx, fy, cx, cy).");

    m.def(
        "contributions",
        [](const Array &means, const Array &quats, const Array &log_scales, const Array &opacity_logits,
           const Array &sh, const Array &world_to_camera, const Array &intrinsics, int width, int height,
           int sh_degree, bool antialiased, const Array &image, const Array &columns, int threads) {
            const Arguments in = checked(means, quats, log_scales, opacity_logits, sh, world_to_camera, intrinsics,
                                         width, height, sh_degree, antialiased);
            const Target target{data_of<float>(image, "image", {height, width, 3}), nullptr, nullptr, nullptr};
            double *sums = data_of<double>(columns, "columns",
                                           {static_cast<std::int64_t>(in.gaussians.count), kContributionColumns});
            const nb::gil_scoped_release release;
            measure(prepare(in.gaussians, in.view, threads), target, sums, threads);
        },
        nb::arg("means"), nb::arg("quats"), nb::arg("log_scales"), nb::arg("opacity_logits"), nb::arg("sh"),
        nb::arg("world_to_camera"), nb::arg("intrinsics"), nb::arg("width"), nb::arg("height"), nb::arg("sh_degree"),
        nb::arg("antialiased"), nb::arg("image"), nb::arg("columns"), nb::arg("threads"),
        "Renders over black into `image` and adds to `columns` float64 [N, 6]; see cuda/core/render/raster.hpp.");

    m.def(
        "pull",
        [](const Array &means, const Array &quats, const Array &log_scales, const Array &opacity_logits,
           const Array &sh, const Array &world_to_camera, const Array &intrinsics, int width, int height,
           int sh_degree, bool antialiased, const Array &wanted, const Array &columns, int threads) {
            const Arguments in = checked(means, quats, log_scales, opacity_logits, sh, world_to_camera, intrinsics,
                                         width, height, sh_degree, antialiased);
            const float *image = data_of<const float>(wanted, "wanted", {height, width, 3});
            double *sums =
                data_of<double>(columns, "columns", {static_cast<std::int64_t>(in.gaussians.count), kPullColumns});
            const nb::gil_scoped_release release;
            return pull(prepare(in.gaussians, in.view, threads), image, sums, threads);
        },
        nb::arg("means"), nb::arg("quats"), nb::arg("log_scales"), nb::arg("opacity_logits"), nb::arg("sh"),
        nb::arg("world_to_camera"), nb::arg("intrinsics"), nb::arg("width"), nb::arg("height"), nb::arg("sh_degree"),
        nb::arg("antialiased"), nb::arg("wanted"), nb::arg("columns"), nb::arg("threads"),
        "Adds to `columns` float64 [N, 6] what the error against `wanted` asks of every Gaussian; see "
        "cuda/core/render/raster.hpp. Returns the sum of squared errors.");

    m.def(
        "backward",
        [](const Array &means, const Array &quats, const Array &log_scales, const Array &opacity_logits,
           const Array &sh, const Array &world_to_camera, const Array &intrinsics, int width, int height,
           int sh_degree, bool antialiased, const Array &background, const Array &by_image, const Array &by_alpha,
           const Array &by_means, const Array &by_quats, const Array &by_log_scales, const Array &by_opacity_logits,
           const Array &by_sh, const Array &by_means2d, int threads) {
            const Arguments in = checked(means, quats, log_scales, opacity_logits, sh, world_to_camera, intrinsics,
                                         width, height, sh_degree, antialiased);
            const Cotangent cotangent{data_of<const float>(by_image, "by_image", {height, width, 3}),
                                      data_of<const float>(by_alpha, "by_alpha", {height, width}),
                                      data_of<const float>(background, "background", {3})};
            const SceneGradients out = outputs(in, by_means, by_quats, by_log_scales, by_opacity_logits, by_sh, by_means2d);
            const nb::gil_scoped_release release;
            backward(in.gaussians, prepare(in.gaussians, in.view, threads), cotangent, out, threads);
        },
        nb::arg("means"), nb::arg("quats"), nb::arg("log_scales"), nb::arg("opacity_logits"), nb::arg("sh"),
        nb::arg("world_to_camera"), nb::arg("intrinsics"), nb::arg("width"), nb::arg("height"), nb::arg("sh_degree"),
        nb::arg("antialiased"), nb::arg("background"), nb::arg("by_image"), nb::arg("by_alpha"), nb::arg("by_means"),
        nb::arg("by_quats"), nb::arg("by_log_scales"), nb::arg("by_opacity_logits"), nb::arg("by_sh"),
        nb::arg("by_means2d"), nb::arg("threads"),
        "Fills by_means, ..., by_means2d from the derivatives by_image [height, width, 3] and by_alpha [height, width].");

    m.def(
        "squared_error",
        [](const Array &means, const Array &quats, const Array &log_scales, const Array &opacity_logits,
           const Array &sh, const Array &world_to_camera, const Array &intrinsics, int width, int height,
           int sh_degree, bool antialiased, const Array &background, const Array &wanted, const Array &by_means, const Array &by_quats,
           const Array &by_log_scales, const Array &by_opacity_logits, const Array &by_sh, const Array &by_means2d,
           int threads) {
            const Arguments in = checked(means, quats, log_scales, opacity_logits, sh, world_to_camera, intrinsics,
                                         width, height, sh_degree, antialiased);
            const float *behind = data_of<const float>(background, "background", {3});
            const float *image = data_of<const float>(wanted, "wanted", {height, width, 3});
            const SceneGradients out = outputs(in, by_means, by_quats, by_log_scales, by_opacity_logits, by_sh, by_means2d);
            const nb::gil_scoped_release release;
            return squared_error(in.gaussians, prepare(in.gaussians, in.view, threads), behind, image, out, threads);
        },
        nb::arg("means"), nb::arg("quats"), nb::arg("log_scales"), nb::arg("opacity_logits"), nb::arg("sh"),
        nb::arg("world_to_camera"), nb::arg("intrinsics"), nb::arg("width"), nb::arg("height"), nb::arg("sh_degree"),
        nb::arg("antialiased"), nb::arg("background"), nb::arg("wanted"), nb::arg("by_means"), nb::arg("by_quats"), nb::arg("by_log_scales"),
        nb::arg("by_opacity_logits"), nb::arg("by_sh"), nb::arg("by_means2d"), nb::arg("threads"),
        "The sum of squared differences between the image and `wanted`; fills by_means, ..., by_means2d.");

    m.def(
        "project",
        [](const Array &means, const Array &quats, const Array &log_scales, const Array &opacity_logits,
           const Array &sh, const Array &world_to_camera, const Array &intrinsics, int width, int height,
           int sh_degree, bool antialiased, const Array &centres, const Array &radii, int threads) {
            const Arguments in = checked(means, quats, log_scales, opacity_logits, sh, world_to_camera, intrinsics,
                                         width, height, sh_degree, antialiased);
            const auto n = static_cast<std::int64_t>(in.gaussians.count);
            float *xy = data_of<float>(centres, "centres", {n, 2});
            auto *pixels = data_of<std::int32_t>(radii, "radii", {n, 2});
            const nb::gil_scoped_release release;
            extents(in.gaussians, in.view, xy, pixels, threads);
        },
        nb::arg("means"), nb::arg("quats"), nb::arg("log_scales"), nb::arg("opacity_logits"), nb::arg("sh"),
        nb::arg("world_to_camera"), nb::arg("intrinsics"), nb::arg("width"), nb::arg("height"), nb::arg("sh_degree"),
        nb::arg("antialiased"), nb::arg("centres"), nb::arg("radii"), nb::arg("threads"),
        "Fills `centres` float32 [N, 2] and `radii` int32 [N, 2], px; zeros where a Gaussian is not seen.");
}
