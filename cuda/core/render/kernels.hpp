// The tile kernels in the form compiled for the machine at hand.
#pragma once

#include "render/types.hpp"

namespace gsz::render {

struct Kernels {
    // Blends the task's splats front to back.
    void (*blend)(const TileTask &task, TilePixels &out);
    // Walks the task again, knowing the finished pixels, and writes one Partial for every intersection that counts;
    // the others are left as they were.
    void (*measure)(const TileTask &task, const TilePixels &pixels, int width, int height, Partial *partials);
    // Likewise for an error image [3][kTilePixels].
    void (*pull)(const TileTask &task, const TilePixels &pixels, const float (*error)[kTilePixels], Pull *pulls);
    // Likewise for a loss's derivatives by red, green, blue and the final transmittance.
    void (*gradient)(const TileTask &task, const TilePixels &pixels, const float (*planes)[kTilePixels], Gradient *gradients);
};

extern const Kernels kBaselineKernels;
#ifdef GSZ_RENDER_X86_64
extern const Kernels kV3Kernels;
extern const Kernels kV4Kernels;
#endif

// The fastest kernels that this machine runs.
const Kernels &kernels();

}  // namespace gsz::render
