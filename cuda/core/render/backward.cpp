#include "render/backward.hpp"

#include <algorithm>
#include <cmath>

#include "render/kernels.hpp"
#include "parallel.hpp"
#include "render/project.hpp"

namespace gsz::render {
namespace {

constexpr double kLog2E = 1.4426950408889634, kLn2 = 0.6931471805599453;

// Sums of a splat over its tiles, in double.
struct Sums {
    double x = 0, y = 0, a = 0, b = 0, c = 0, log2_opacity = 0, rgb[3] = {};
};

// Derivatives of the harmonics by a unit direction, dot the sums of each coefficient's cotangents.
void direction_gradient(int degree, double x, double y, double z, const double *v, double out[3]) {
    out[0] = out[1] = out[2] = 0;
    const auto add = [&](double weight, double dx, double dy, double dz) {
        out[0] += weight * dx;
        out[1] += weight * dy;
        out[2] += weight * dz;
    };
    if (degree < 1) return;
    add(-0.4886025119029199 * v[1], 0, 1, 0);
    add(0.4886025119029199 * v[2], 0, 0, 1);
    add(-0.4886025119029199 * v[3], 1, 0, 0);
    if (degree < 2) return;
    add(1.0925484305920792 * v[4], y, x, 0);
    add(-1.0925484305920792 * v[5], 0, z, y);
    add(0.31539156525252005 * v[6], 0, 0, 6 * z);
    add(-1.0925484305920792 * v[7], z, 0, x);
    add(0.5462742152960396 * v[8], 2 * x, -2 * y, 0);
    if (degree < 3) return;
    const double xx = x * x, yy = y * y, zz = z * z;
    add(-0.5900435899266435 * v[9], 6 * x * y, 3 * xx - 3 * yy, 0);
    add(2.890611442640554 * v[10], y * z, x * z, x * y);
    add(-0.4570457994644658 * v[11], 0, 5 * zz - 1, 10 * y * z);
    add(0.3731763325901154 * v[12], 0, 0, 15 * zz - 3);
    add(-0.4570457994644658 * v[13], 5 * zz - 1, 0, 10 * x * z);
    add(1.445305721320277 * v[14], 2 * x * z, -2 * y * z, xx - yy);
    add(-0.5900435899266435 * v[15], 3 * xx - 3 * yy, -6 * x * y, 0);
}

// Scenes that were trained with the cut at black hold many colours that are black to the last bit. They may become brighter,
// whichever side of it they are rounded to.
constexpr double kBlackRounding = 1e-6;

// Through shade(): colour to harmonics and to the mean, to which it adds.
void shade_backward(const Gaussians &g, std::size_t i, const View &view, const double rgb[3], float *sh_out, double mean_out[3]) {
    double d[3], length = 0;
    for (int k = 0; k < 3; ++k) {
        d[k] = static_cast<double>(g.means[3 * i + k]) - view.position[k];
        length += d[k] * d[k];
    }
    length = std::sqrt(length);
    for (double &c : d) c /= length;
    float basis[16];
    harmonics(view.sh_degree, static_cast<float>(d[0]), static_cast<float>(d[1]), static_cast<float>(d[2]), basis);
    const int terms = (view.sh_degree + 1) * (view.sh_degree + 1);
    const float *sh = g.sh + 3 * i * static_cast<std::size_t>(g.sh_coefficients);
    double pulled[16] = {};
    for (int channel = 0; channel < 3; ++channel) {
        double shown = 0.5;
        for (int k = 0; k < terms; ++k) shown += static_cast<double>(basis[k]) * sh[3 * k + channel];
        if (shown < -kBlackRounding) continue;  // cut at black
        for (int k = 0; k < terms; ++k) {
            sh_out[3 * k + channel] = static_cast<float>(basis[k] * rgb[channel]);
            pulled[k] += rgb[channel] * sh[3 * k + channel];
        }
    }
    double by_direction[3];
    direction_gradient(view.sh_degree, d[0], d[1], d[2], pulled, by_direction);
    const double along = by_direction[0] * d[0] + by_direction[1] * d[1] + by_direction[2] * d[2];
    if (view.sh_degree > 0)
        for (int k = 0; k < 3; ++k) mean_out[k] += (by_direction[k] - along * d[k]) / length;
}

// Through the rotation matrix (row-major) of a quaternion of any length.
void rotation_backward(const float *quat, const double by_matrix[3][3], float *out) {
    double n[4], squares = 0;
    for (int k = 0; k < 4; ++k) squares += static_cast<double>(quat[k]) * quat[k];
    const double length = std::sqrt(squares);
    for (int k = 0; k < 4; ++k) n[k] = quat[k] / length;
    const double w = n[0], x = n[1], y = n[2], z = n[3];
    const auto &m = by_matrix;
    const double by[4] = {
        2 * (x * (m[2][1] - m[1][2]) + y * (m[0][2] - m[2][0]) + z * (m[1][0] - m[0][1])),
        2 * (w * (m[2][1] - m[1][2]) + y * (m[0][1] + m[1][0]) + z * (m[0][2] + m[2][0]) - 2 * x * (m[1][1] + m[2][2])),
        2 * (w * (m[0][2] - m[2][0]) + x * (m[0][1] + m[1][0]) + z * (m[1][2] + m[2][1]) - 2 * y * (m[0][0] + m[2][2])),
        2 * (w * (m[1][0] - m[0][1]) + x * (m[0][2] + m[2][0]) + y * (m[1][2] + m[2][1]) - 2 * z * (m[0][0] + m[1][1])),
    };
    const double along = by[0] * n[0] + by[1] * n[1] + by[2] * n[2] + by[3] * n[3];
    for (int k = 0; k < 4; ++k) out[k] = static_cast<float>((by[k] - along * n[k]) / length);
}

// Through project(), whose steps are taken again in double.
void project_backward(const Gaussians &g, std::size_t i, const View &view, const Sums &sums, const SceneGradients &out) {
    const float *mean = g.means + 3 * i, *world = view.rotation;
    double local[3];
    for (int r = 0; r < 3; ++r) {
        local[r] = view.translation[r];
        for (int k = 0; k < 3; ++k) local[r] += static_cast<double>(world[3 * r + k]) * mean[k];
    }
    const double z = local[2], slope[2] = {local[0] / z, local[1] / z};
    const double focal[2] = {view.fx, view.fy}, centre[2] = {view.cx, view.cy}, size[2] = {static_cast<double>(view.width), static_cast<double>(view.height)};
    double at[2], to_image[2][3];
    bool clamped[2];
    for (int r = 0; r < 2; ++r) {
        const double margin = 0.15 * size[r] / focal[r], low = -centre[r] / focal[r] - margin, high = (size[r] - centre[r]) / focal[r] + margin;
        at[r] = std::min(high, std::max(low, slope[r]));
        clamped[r] = at[r] != slope[r];
        for (int k = 0; k < 3; ++k) to_image[r][k] = focal[r] / z * (world[3 * r + k] - at[r] * world[6 + k]);
    }
    float rotation[9];
    rotation_of(g.quats + 4 * i, rotation);
    double rows[2][3], scale[3];
    for (int k = 0; k < 3; ++k) {
        scale[k] = std::exp(static_cast<double>(g.log_scales[3 * i + k]));
        for (int r = 0; r < 2; ++r)
            rows[r][k] = scale[k] * (to_image[r][0] * rotation[k] + to_image[r][1] * rotation[3 + k] + to_image[r][2] * rotation[6 + k]);
    }
    double sharp[3] = {};  // xx, xy, yy
    for (int k = 0; k < 3; ++k) {
        sharp[0] += rows[0][k] * rows[0][k];
        sharp[1] += rows[0][k] * rows[1][k];
        sharp[2] += rows[1][k] * rows[1][k];
    }
    const double sharp_det = std::max(0.0, sharp[0] * sharp[2] - sharp[1] * sharp[1]);
    const double det = sharp_det + kDilation * (sharp[0] + sharp[2]) + kDilation * kDilation;
    const double inverse[3] = {(sharp[2] + kDilation) / det, -sharp[1] / det, (sharp[0] + kDilation) / det};

    // By the covariance: -inverse G inverse of the conic's cotangent G; xy counts twice, as it stands in two places.
    const double ga = 0.5 * kLog2E * sums.a, gb = 0.5 * kLog2E * sums.b, gc = 0.5 * kLog2E * sums.c;
    const double p = ga * inverse[0] + gb * inverse[1], q = ga * inverse[1] + gb * inverse[2];
    const double s = gb * inverse[0] + gc * inverse[1], t = gb * inverse[1] + gc * inverse[2];
    double by_xx = -(inverse[0] * p + inverse[1] * s), by_yy = -(inverse[1] * q + inverse[2] * t);
    double by_xy = -2 * (inverse[0] * q + inverse[1] * t);
    if (view.antialiased && sharp_det > 0) {  // opacity times sqrt(sharp_det / det)
        const double half = 0.5 * kLog2E * sums.log2_opacity;
        by_xx += half * (sharp[2] / sharp_det - inverse[0]);
        by_yy += half * (sharp[0] / sharp_det - inverse[2]);
        by_xy += 2 * half * (-sharp[1] / sharp_det - inverse[1]);
    }
    const double opacity = 1 / (1 + std::exp(-static_cast<double>(g.opacity_logits[i])));
    out.opacity_logits[i] = static_cast<float>(sums.log2_opacity * (1 - opacity) * kLog2E);

    double by_matrix[3][3], by_to_image[2][3] = {}, by_log_scale[3] = {};
    for (int k = 0; k < 3; ++k) {
        const double by_row[2] = {2 * by_xx * rows[0][k] + by_xy * rows[1][k], 2 * by_yy * rows[1][k] + by_xy * rows[0][k]};
        by_log_scale[k] = by_row[0] * rows[0][k] + by_row[1] * rows[1][k];
        for (int j = 0; j < 3; ++j) {
            by_matrix[j][k] = scale[k] * (by_row[0] * to_image[0][j] + by_row[1] * to_image[1][j]);
            for (int r = 0; r < 2; ++r) by_to_image[r][j] += scale[k] * by_row[r] * rotation[3 * j + k];
        }
        out.log_scales[3 * i + k] = static_cast<float>(by_log_scale[k]);
    }
    rotation_backward(g.quats + 4 * i, by_matrix, out.quats + 4 * i);

    const double by_centre[2] = {sums.x, sums.y};
    double by_local[3] = {};
    for (int r = 0; r < 2; ++r) {
        double by_gain = 0, by_at = 0;
        for (int k = 0; k < 3; ++k) {
            by_gain += by_to_image[r][k] * (world[3 * r + k] - at[r] * world[6 + k]);
            by_at -= by_to_image[r][k] * focal[r] / z * world[6 + k];
        }
        const double by_slope = focal[r] * by_centre[r] + (clamped[r] ? 0 : by_at);
        by_local[r] = by_slope / z;
        by_local[2] -= by_slope * slope[r] / z + by_gain * focal[r] / (z * z);
        out.means2d[2 * i + r] = static_cast<float>(by_centre[r]);
    }
    double by_mean[3] = {};
    for (int k = 0; k < 3; ++k)
        for (int r = 0; r < 3; ++r) by_mean[k] += world[3 * r + k] * by_local[r];
    shade_backward(g, i, view, sums.rgb, out.sh + 3 * i * static_cast<std::size_t>(g.sh_coefficients), by_mean);
    for (int k = 0; k < 3; ++k) out.means[3 * i + k] = static_cast<float>(by_mean[k]);
}

void clear(const Gaussians &g, const SceneGradients &out) {
    std::fill_n(out.means, 3 * g.count, 0.0f);
    std::fill_n(out.quats, 4 * g.count, 0.0f);
    std::fill_n(out.log_scales, 3 * g.count, 0.0f);
    std::fill_n(out.opacity_logits, g.count, 0.0f);
    std::fill_n(out.sh, 3 * g.count * static_cast<std::size_t>(g.sh_coefficients), 0.0f);
    std::fill_n(out.means2d, 2 * g.count, 0.0f);
}

// The pixels of a tile that lie in the image: their index in it, and in the tile.
template <class Visit>
void each_pixel(const TileTask &task, const View &view, Visit visit) {
    const int width = std::min(kTile, view.width - task.x), height = std::min(kTile, view.height - task.y);
    for (int row = 0; row < height; ++row)
        for (int column = 0; column < width; ++column)
            visit(static_cast<std::size_t>(task.y + row) * view.width + task.x + column, row * kTile + column);
}

using Planes = float[4][kTilePixels];  // derivatives by red, green, blue, final transmittance

// Blends every tile, asks `fill(tile, task, pixels, planes)` for the loss's derivatives by its pixels, and carries them to the scene.
template <class Fill>
void carry_back(const Gaussians &gaussians, const Frame &frame, const SceneGradients &out, int threads, Fill fill) {
    const Kernels &kernel = kernels();
    std::vector<Gradient> gradients(frame.ids.size());
    parallel_for(frame.tile_count(), threads, [&](std::size_t tile) {
        TilePixels pixels;
        alignas(64) Planes planes = {};
        const TileTask task = frame.task(tile);
        kernel.blend(task, pixels);
        fill(tile, task, pixels, planes);
        kernel.gradient(task, pixels, planes, gradients.data() + task.begin);
    });

    clear(gaussians, out);
    constexpr std::size_t kBlock = 1024;
    parallel_for(blocks(frame.splats.size(), kBlock), threads, [&](std::size_t block) {
        for (std::size_t i = block * kBlock, end = std::min(frame.splats.size(), i + kBlock); i < end; ++i) {
            Sums sums;
            for (std::uint32_t slot = frame.slots[i]; slot < frame.slots[i + 1]; ++slot) {
                const Gradient &part = gradients[frame.positions[slot]];
                sums.x += part.x, sums.y += part.y;
                sums.a += part.a, sums.b += part.b, sums.c += part.c;
                sums.log2_opacity += part.log2_opacity;
                for (int channel = 0; channel < 3; ++channel) sums.rgb[channel] += part.rgb[channel];
            }
            project_backward(gaussians, frame.gaussians[i], frame.view, sums, out);
        }
    });
}

}  // namespace

void backward(const Gaussians &gaussians, const Frame &frame, const Cotangent &cotangent, const SceneGradients &out, int threads) {
    carry_back(gaussians, frame, out, threads, [&](std::size_t, const TileTask &task, const TilePixels &, Planes &planes) {
        each_pixel(task, frame.view, [&](std::size_t from, int i) {
            float by_left = cotangent.alpha ? -cotangent.alpha[from] : 0.0f;
            for (int channel = 0; channel < 3; ++channel) {
                planes[channel][i] = cotangent.image[3 * from + channel];
                if (cotangent.background) by_left += planes[channel][i] * cotangent.background[channel];
            }
            planes[3][i] = by_left;
        });
    });
}

double squared_error(const Gaussians &gaussians, const Frame &frame, const float *background, const float *wanted, const SceneGradients &out, int threads) {
    std::vector<double> squares(frame.tile_count());
    carry_back(gaussians, frame, out, threads, [&](std::size_t tile, const TileTask &task, const TilePixels &pixels, Planes &planes) {
        each_pixel(task, frame.view, [&](std::size_t from, int i) {
            for (int channel = 0; channel < 3; ++channel) {
                const float excess = pixels.rgb[channel][i] + pixels.transmittance[i] * background[channel] - wanted[3 * from + channel];
                planes[channel][i] = 2 * excess;
                planes[3][i] += planes[channel][i] * background[channel];
                squares[tile] += static_cast<double>(excess) * excess;
            }
        });
    });
    double total = 0;
    for (double s : squares) total += s;
    return total;
}

}  // namespace gsz::render
