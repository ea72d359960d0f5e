#include "params.hpp"

namespace gsz {

StepTables::StepTables() {
    for (int i = 0; i < 64; ++i) log2[i] = static_cast<int>(std::floor(LOG2_E * det_log(1 + (i + 0.5) / 64) * FIXED_ONE + 0.5));
    for (int i = 0; i < 1024; ++i) {
        const double d = i / 64.0;
        hypot[i] = static_cast<int>(std::floor(0.5 * LOG2_E * det_log(1 + det_exp2(-2 * d)) * FIXED_ONE + 0.5));
        const double x = (i + 0.5) / 64.0;
        sinh[i] = static_cast<int>(std::floor(256 * LOG2_E * det_log((det_exp2(x) - det_exp2(-x)) / 2) + 0.5));
    }
}

const StepTables STEP_TABLES;

void Params::prepare() {
    for (int s = 0; s < STEP_COUNT; ++s)
        for (int c = 0; c < CLASSES; ++c) {
            const double v = std::floor(det_exp2((log2_step[s] - 256 * c) / 256.0) * FIXED_ONE + 0.5);
            step[s][c] = v < 1 ? 1 : (v > VALUE_LIMIT ? VALUE_LIMIT : static_cast<int>(v));
            inverse[s][c] = (uint64_t{1} << 32) / static_cast<uint64_t>(step[s][c]);
            step_octaves[s][c] = (log2_integer(static_cast<uint64_t>(step[s][c])) - FIXED_BITS * FIXED_ONE) >> (FIXED_BITS - 8);
        }
    log2_voxel = static_cast<int>(std::floor(LOG2_E * det_log(voxel) * FIXED_ONE + 0.5));
}

}  // namespace gsz
