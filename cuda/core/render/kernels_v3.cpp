// Compiled with -march=x86-64-v3 (AVX2, FMA) where the compiler and the target allow it, else empty.
#ifdef GSZ_RENDER_X86_64
#include <immintrin.h>

#include "render/kernels.hpp"

namespace gsz::render {
namespace {
#include "render/tile_kernel.inl"
}  // namespace

const Kernels kV3Kernels{blend_tile, measure_tile, pull_tile, gradient_tile};

}  // namespace gsz::render
#endif
