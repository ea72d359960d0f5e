// What the header says and every chunk needs. FORMAT.md, "Header".
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "detmath.hpp"

namespace gsz {

inline constexpr int CLASSES = 16;       // precision classes, each halves the steps of the one before
inline constexpr int FIXED_BITS = 12;    // attributes are integers in 1/4096
inline constexpr int FIXED_ONE = 1 << FIXED_BITS;
inline constexpr int VALUE_LIMIT = 1 << 20;  // |attribute| < 256
inline constexpr int SCALARS = 7;        // log2 scales (3), log2 opacity, colour (3)
inline constexpr int FEATURES = 10;      // 3 neighbourhood values, up to 6 residuals of the same splat, 1
inline constexpr int MAX_DEPTH = 21;

enum Step { STEP_SCALE, STEP_ROTATION, STEP_OPACITY, STEP_POSITION, STEP_COLOR, STEP_SH, STEP_COUNT };

struct Params {
    int depth = 0;                                   // octree levels, 1 to 21
    std::array<double, 3> origin{};                  // corner of the root cube, world units
    double voxel = 1;                                // edge of a voxel, world units
    int sh_rest = 0;                                 // coefficients per channel beyond the constant: 0, 3, 8, 15
    int sh_components = 0;                           // rows of sh_basis
    std::array<int, STEP_COUNT> log2_step{};         // at class 0, in 1/256 octave
    std::array<int, 3> view_centre{};                // blur that hides detail grows with the distance from here, voxels,
    int view_radius = 1;                             // as hypot(distance, view_radius)
    int log2_footprint = 0;                          // log2 of blur over that, world units per voxel, fixed point
    std::array<int, SCALARS> mean{};                 // prediction where there is no neighbour, fixed point
    std::array<std::array<int, FEATURES>, SCALARS> predictor{};  // in 1/1024
    std::vector<float> sh_basis;                     // [sh_components][3 sh_rest], integers in 1/127

    // Derived, filled by `prepare`.
    std::array<std::array<int, CLASSES>, STEP_COUNT> step{};     // fixed point
    std::array<std::array<uint64_t, CLASSES>, STEP_COUNT> inverse{};  // floor(2^32 / step)
    std::array<std::array<int, CLASSES>, STEP_COUNT> step_octaves{};  // log2 of the step, in 1/256
    int log2_voxel = 0;                                          // fixed point
    void prepare();
};

// Integer tables of the step rules: log2(sqrt(4^-d + 1)) and log2(sinh(d ln 2)) of d in 1/64 octave.
struct StepTables {
    std::array<int, 1024> hypot;  // fixed point
    std::array<int, 1024> sinh;   // 1/256 octave
    std::array<int, 64> log2;     // log2(1 + (i + 1/2) / 64), fixed point
    StepTables();
};
extern const StepTables STEP_TABLES;

// log2 sqrt(2^2a + 2^2b), fixed point.
inline int log2_hypot(int a, int b) {
    const int hi = a > b ? a : b, d = (a > b ? a - b : b - a) >> (FIXED_BITS - 6);
    return hi + (d < 1024 ? STEP_TABLES.hypot[d] : 0);
}

// log2 of a positive integer, fixed point, within 1/90 octave.
inline int log2_integer(uint64_t v) {
    const int k = std::bit_width(v) - 1;
    const uint64_t mantissa = k >= 6 ? (v >> (k - 6)) & 63 : (v << (6 - k)) & 63;
    return k * FIXED_ONE + STEP_TABLES.log2[mantissa];
}

// log2 of the blur at a voxel, world units, fixed point.
inline int log2_blur(const Params &p, int64_t x, int64_t y, int64_t z) {
    const int64_t dx = x - p.view_centre[0], dy = y - p.view_centre[1], dz = z - p.view_centre[2];
    const uint64_t d = static_cast<uint64_t>(dx * dx + dy * dy + dz * dz) + static_cast<uint64_t>(p.view_radius) * static_cast<uint64_t>(p.view_radius);
    return p.log2_footprint + log2_integer(d) / 2;
}

}  // namespace gsz
