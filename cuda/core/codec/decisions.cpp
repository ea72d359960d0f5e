#include "decisions.hpp"

namespace gsz {

Tables::Tables() {
    for (int i = 0; i < 4096; ++i) {
        const double p = (i + 0.5) / 4096;
        const double s = std::floor(65536 / (1 + det_exp(-(i - 2048) / 256.0)) + 0.5);
        squash[i] = static_cast<uint16_t>(s < 32 ? 32 : (s > 65504 ? 65504 : s));
        cost[i] = static_cast<float>(-det_log(p) * LOG2_E);
    }
    for (int i = 0; i <= MAX_CONTEXTS; ++i)
        for (int n = 0; n <= SEEN_LIMIT; ++n)
            rate[i][n] = i == 0 ? 0 : static_cast<int32_t>(std::floor(16384 * (1.5 / (n + 2) + 0.07) / std::sqrt(static_cast<double>(i)) + 0.5));
}

const Tables TABLES;

}  // namespace gsz
