// Plain data that the stages of the rasteriser hand to each other. No functions, so that every translation unit
// (also those compiled for a newer instruction set) may include it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gsz::render {

constexpr int kTile = 16;                         // pixels a side
constexpr int kTilePixels = kTile * kTile;
constexpr float kNear = 0.01f, kFar = 1e10f;      // world units
constexpr float kDilation = 0.3f;                 // px^2, added to the diagonal of the image-space covariance
constexpr float kMinAlpha = 1.0f / 255.0f;        // weaker splats leave a pixel alone
constexpr float kMaxAlpha = 0.999f;
constexpr float kMinTransmittance = 1e-4f;        // a splat that would reach it is left out and ends its pixel
constexpr float kLog2MinAlpha = -7.99435344f;     // log2(kMinAlpha)

// A scene as the caller holds it: row-major arrays in the stored (not activated) domain.
struct Gaussians {
    const float *means;           // [count, 3]
    const float *quats;           // [count, 4] wxyz, any length
    const float *log_scales;      // [count, 3]
    const float *opacity_logits;  // [count]
    const float *sh;              // [count, sh_coefficients, 3]
    std::size_t count;
    int sh_coefficients;          // 1, 4, 9 or 16
};

// A pinhole camera (OpenCV axes) and the choices that belong to the image.
struct View {
    float rotation[9];     // world to camera, row-major
    float translation[3];
    float position[3];     // the camera's centre in world units
    float fx, fy, cx, cy;  // px
    int width, height;     // px
    int sh_degree;         // highest band that is evaluated
    bool antialiased;      // scale opacity by sqrt(det / det_dilated)
};

// One Gaussian in the image. At an offset (dx, dy) in px from the centre,
//   log2(alpha) = log2_opacity - (a dx^2 + b dx dy + c dy^2).
struct Splat {
    float x, y;                  // centre, px
    float a, b, c;
    float log2_opacity;          // after the antialiasing compensation
    float rgb[3];
    float extent_x, extent_y;    // half size in px of the box around { alpha >= kMinAlpha }
    float depth;                 // z in the camera's frame, world units
};

// What blending leaves in the pixels of one tile; rows of kTile.
struct TilePixels {
    alignas(64) float transmittance[kTilePixels];
    alignas(64) float rgb[3][kTilePixels];       // without background
    alignas(64) std::uint32_t end[kTilePixels];  // 1 + position in the sorted list of the last splat blended, or 0
};

// One tile's part of the sorted intersections.
struct TileTask {
    const Splat *splats;
    const std::uint32_t *ids;  // splat of every sorted intersection
    std::uint32_t begin, end;  // this tile's range of `ids`
    int x, y;                  // first pixel
};

// Sums over one tile's pixels for one splat.
struct Partial {
    float weight, weight_sq, weight_max, energy, pixels;
};

// The same for what an error of the image asks of a splat.
struct Pull {
    float color[3], weight, opacity, energy;
};

// The derivatives of a loss by what one tile sees of a splat.
struct Gradient {
    float x, y, a, b, c, log2_opacity, rgb[3];
};

}  // namespace gsz::render
