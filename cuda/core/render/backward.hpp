// Gradients of a blended frame by everything that the scene holds.
#pragma once

#include "render/frame.hpp"

namespace gsz::render {

// What a loss says of an image: its derivatives by colour and by alpha.
struct Cotangent {
    const float *image;       // [height, width, 3]
    const float *alpha;       // [height, width], null for zeros
    const float *background;  // [3] that was blended under the image, null for black
};

// Where the derivatives by the scene go, all of the scene's count; rows of Gaussians that are not seen are set to zeros.
struct SceneGradients {
    float *means;           // [count, 3]
    float *quats;           // [count, 4], by the quaternion as stored: at right angles to it
    float *log_scales;      // [count, 3]
    float *opacity_logits;  // [count]
    float *sh;              // [count, sh_coefficients, 3]
    float *means2d;         // [count, 2], by the centre in the image, per px
};

// Walks the frame a second time. What the forward pass decides by thresholds (which pixels a splat touches, where a pixel
// ends, colours cut at 0, alpha cut at its maximum) is taken as given. Sums run in a fixed order: the result does not
// depend on `threads`.
void backward(const Gaussians &gaussians, const Frame &frame, const Cotangent &cotangent, const SceneGradients &out, int threads);

// The sum over pixels and channels of squared differences between the image over `background` [3] and `wanted` [height, width,
// 3], and its derivatives: what rendering, comparing and `backward` give, without blending twice.
double squared_error(const Gaussians &gaussians, const Frame &frame, const float *background, const float *wanted, const SceneGradients &out, int threads);

}  // namespace gsz::render
