// EWA projection (Zwicker et al. 2001; Kerbl et al. 2023, https://arxiv.org/abs/2308.04079) with the conventions of
// gsplat 1.5: clamped Jacobian, dilation by 0.3 px^2, opacity-aware extent (https://arxiv.org/abs/2402.00525, B.2).
#include "render/project.hpp"

#include <algorithm>
#include <cmath>

namespace gsz::render {
namespace {

constexpr float kLog2E = 1.44269504f;

float dot(const float *u, const float *v) { return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]; }

// Squared length of u x v.
float cross_squared(const float *u, const float *v) {
    const float x = u[1] * v[2] - u[2] * v[1], y = u[2] * v[0] - u[0] * v[2], z = u[0] * v[1] - u[1] * v[0];
    return x * x + y * y + z * z;
}

}  // namespace

void rotation_of(const float *q, float r[9]) {
    double squares = 0.0;  // in double, because squares of floats may leave the range of floats
    for (int k = 0; k < 4; ++k) squares += static_cast<double>(q[k]) * q[k];
    const double inverse = 1.0 / std::sqrt(squares);
    const float w = static_cast<float>(q[0] * inverse), x = static_cast<float>(q[1] * inverse);
    const float y = static_cast<float>(q[2] * inverse), z = static_cast<float>(q[3] * inverse);
    r[0] = 1 - 2 * (y * y + z * z), r[1] = 2 * (x * y - w * z), r[2] = 2 * (x * z + w * y);
    r[3] = 2 * (x * y + w * z), r[4] = 1 - 2 * (x * x + z * z), r[5] = 2 * (y * z - w * x);
    r[6] = 2 * (x * z - w * y), r[7] = 2 * (y * z + w * x), r[8] = 1 - 2 * (x * x + y * y);
}

bool project(const Gaussians &gaussians, std::size_t i, const View &view, Splat &out) {
    const float *mean = gaussians.means + 3 * i, *world = view.rotation;
    const float z = dot(world + 6, mean) + view.translation[2];
    if (!(z >= kNear && z <= kFar)) return false;  // written so that NaN is refused
    const float inverse_z = 1.0f / z;
    const float slope_x = (dot(world, mean) + view.translation[0]) * inverse_z;
    const float slope_y = (dot(world + 3, mean) + view.translation[1]) * inverse_z;

    // The Jacobian is taken at a point that is at most 0.3 half fields of view outside the frame, because the
    // linearisation explodes further out.
    const float margin_x = 0.15f * view.width / view.fx, margin_y = 0.15f * view.height / view.fy;
    const float at_x = std::min((view.width - view.cx) / view.fx + margin_x,
                                std::max(-view.cx / view.fx - margin_x, slope_x));
    const float at_y = std::min((view.height - view.cy) / view.fy + margin_y,
                                std::max(-view.cy / view.fy - margin_y, slope_y));

    // rows[0], rows[1]: the 2x3 matrix J R S, of which the covariance in the image is the Gram matrix.
    float local[9], rows[2][3];
    rotation_of(gaussians.quats + 4 * i, local);
    const float gain_x = view.fx * inverse_z, gain_y = view.fy * inverse_z;
    float to_image[2][3];
    for (int k = 0; k < 3; ++k) {
        to_image[0][k] = gain_x * (world[k] - at_x * world[6 + k]);
        to_image[1][k] = gain_y * (world[3 + k] - at_y * world[6 + k]);
    }
    for (int k = 0; k < 3; ++k) {
        const float scale = std::exp(gaussians.log_scales[3 * i + k]);
        for (int r = 0; r < 2; ++r)
            rows[r][k] = scale * (to_image[r][0] * local[k] + to_image[r][1] * local[3 + k] +
                                  to_image[r][2] * local[6 + k]);
    }
    const float sharp_xx = dot(rows[0], rows[0]), sharp_yy = dot(rows[1], rows[1]), xy = dot(rows[0], rows[1]);
    // Cauchy-Binet: a determinant free of the cancellation of xx yy - xy^2, which needles would suffer from.
    const float sharp_det = cross_squared(rows[0], rows[1]);
    const float det = sharp_det + kDilation * (sharp_xx + sharp_yy) + kDilation * kDilation;
    const float xx = sharp_xx + kDilation, yy = sharp_yy + kDilation;
    if (!(det > 0.0f && std::isfinite(det) && std::isfinite(xy))) return false;

    float opacity = 1.0f / (1.0f + std::exp(-gaussians.opacity_logits[i]));
    if (view.antialiased) opacity *= std::sqrt(sharp_det / det);
    if (!(opacity >= kMinAlpha)) return false;
    out.log2_opacity = std::log2(opacity);
    const float reach = std::max(0.0f, out.log2_opacity - kLog2MinAlpha) * (2.0f / kLog2E);

    out.x = view.fx * slope_x + view.cx, out.y = view.fy * slope_y + view.cy;
    out.extent_x = std::sqrt(reach * xx), out.extent_y = std::sqrt(reach * yy);
    const bool inside = out.x + out.extent_x > 0 && out.x - out.extent_x < view.width &&
                        out.y + out.extent_y > 0 && out.y - out.extent_y < view.height;
    if (!inside) return false;
    const float scale = kLog2E / det;
    out.a = 0.5f * scale * yy, out.b = -scale * xy, out.c = 0.5f * scale * xx;
    out.depth = z;
    shade(gaussians, i, view, out.rgb);
    return std::isfinite(out.rgb[0] + out.rgb[1] + out.rgb[2]) && std::isfinite(out.x + out.y) &&
           std::isfinite(out.extent_x + out.extent_y);
}

void harmonics(int degree, float x, float y, float z, float basis[16]) {
    basis[0] = 0.28209479177387814f;
    if (degree < 1) return;
    basis[1] = -0.4886025119029199f * y;
    basis[2] = 0.4886025119029199f * z;
    basis[3] = -0.4886025119029199f * x;
    if (degree < 2) return;
    const float xx = x * x, yy = y * y, zz = z * z;
    basis[4] = 1.0925484305920792f * x * y;
    basis[5] = -1.0925484305920792f * y * z;
    basis[6] = 0.31539156525252005f * (3 * zz - 1);
    basis[7] = -1.0925484305920792f * x * z;
    basis[8] = 0.5462742152960396f * (xx - yy);
    if (degree < 3) return;
    basis[9] = -0.5900435899266435f * y * (3 * xx - yy);
    basis[10] = 2.890611442640554f * x * y * z;
    basis[11] = -0.4570457994644658f * y * (5 * zz - 1);
    basis[12] = 0.3731763325901154f * z * (5 * zz - 3);
    basis[13] = -0.4570457994644658f * x * (5 * zz - 1);
    basis[14] = 1.445305721320277f * z * (xx - yy);
    basis[15] = -0.5900435899266435f * x * (xx - 3 * yy);
}

void shade(const Gaussians &gaussians, std::size_t i, const View &view, float rgb[3]) {
    float basis[16];
    const int degree = view.sh_degree;
    const float *mean = gaussians.means + 3 * i;
    float d[3], squares = 0.0f;
    for (int k = 0; k < 3; ++k) {
        d[k] = mean[k] - view.position[k];
        squares += d[k] * d[k];
    }
    const float inverse = 1.0f / std::sqrt(squares);
    harmonics(degree, d[0] * inverse, d[1] * inverse, d[2] * inverse, basis);
    const int terms = (degree + 1) * (degree + 1);
    const float *sh = gaussians.sh + 3 * i * static_cast<std::size_t>(gaussians.sh_coefficients);
    float sum[3] = {0.5f, 0.5f, 0.5f};
    for (int k = 0; k < terms; ++k)
        for (int channel = 0; channel < 3; ++channel) sum[channel] += basis[k] * sh[3 * k + channel];
    // A NaN has to survive, so that project() sees it: std::max(0, NaN) would be 0.
    for (int channel = 0; channel < 3; ++channel) rgb[channel] = sum[channel] < 0.0f ? 0.0f : sum[channel];
}

}  // namespace gsz::render
