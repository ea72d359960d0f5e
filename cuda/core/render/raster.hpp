// Images of a scene, and what every Gaussian contributes to them.
#pragma once

#include "render/frame.hpp"

namespace gsz::render {

constexpr int kContributionColumns = 6;  // see measure()

// Where an image goes; any pointer may be null.
struct Target {
    float *image;               // [height, width, 3], background included, not clamped
    float *alpha;               // [height, width]
    std::uint32_t *last_ids;    // [height, width], 1 + position in Frame::ids of the last splat blended, 0 for none
    const float *background;    // [3], null for black
};

// Blends a frame. The result does not depend on `threads`.
void blend(const Frame &frame, const Target &target, int threads);

// Blends a frame over black, and adds to `columns` [scene's count, kContributionColumns], for every Gaussian over the
// pixels of this view (w = alpha * transmittance, I = image):
//   0 sum of w    1 sum of w^2    2 largest w (not added: the larger stays)
//   3 E = sum over pixels and channels of (alpha dI/dalpha)^2
//   4 E (z / f)^2, z the depth and f = sqrt(fx fy): the squared size of a pixel in world units, weighted by E
//   5 number of pixels with w > 0
// Sums run in a fixed order: the result does not depend on `threads`.
void measure(const Frame &frame, const Target &target, double *columns, int threads);

constexpr int kPullColumns = 6;  // see pull()

// Blends a frame over black, takes `wanted` [height, width, 3] minus the image as error e, and adds to `columns`
// [scene's count, kPullColumns], for every Gaussian over the pixels of this view:
//   0-2 sum of w e, by channel    3 sum of w    4 sum of e (alpha dI/dalpha) over channels    5 E as in measure()
// Returns the sum of e^2 over pixels and channels. The result does not depend on `threads`.
double pull(const Frame &frame, const float *wanted, double *columns, int threads);

}  // namespace gsz::render
