#include "render/kernels.hpp"

namespace gsz::render {
namespace {
#include "render/tile_kernel.inl"
}  // namespace

const Kernels kBaselineKernels{blend_tile, measure_tile, pull_tile, gradient_tile};

const Kernels &kernels() {
#ifdef GSZ_RENDER_X86_64
    static const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    static const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
                           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (v4) return kV4Kernels;
    if (v3) return kV3Kernels;
#endif
    return kBaselineKernels;
}

}  // namespace gsz::render
