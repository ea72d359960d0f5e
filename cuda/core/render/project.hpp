// From Gaussians in the world to splats in the image.
#pragma once

#include "render/types.hpp"

namespace gsz::render {

// Projects Gaussian `i`. Returns false, and leaves `out` in any state, where it cannot touch the image: behind the
// camera, outside the frame, too transparent, or with a value that is not finite.
bool project(const Gaussians &gaussians, std::size_t i, const View &view, Splat &out);

// Rotation matrix, row-major, of a quaternion wxyz of any non-zero length.
void rotation_of(const float *quat, float matrix[9]);

// The real harmonics up to `degree` in a unit direction, with the Condon-Shortley phase, as 3DGS has them.
void harmonics(int degree, float x, float y, float z, float basis[16]);

// Colour of Gaussian `i` seen from the view's position: max(SH + 0.5, 0).
void shade(const Gaussians &gaussians, std::size_t i, const View &view, float rgb[3]);

}  // namespace gsz::render
