#include "mixing.hpp"

namespace gsz {

Tables::Tables() {
    for (int i = 0; i < 4096; ++i) {
        const double p = (i + 0.5) / 4096;
        stretch[i] = static_cast<int16_t>(std::floor(256 * det_log(p / (1 - p)) + 0.5));
        const double s = std::floor(65536 / (1 + det_exp(-(i - 2048) / 256.0)) + 0.5);
        squash[i] = static_cast<uint16_t>(s < 32 ? 32 : (s > 65504 ? 65504 : s));
        cost[i] = static_cast<float>(-det_log(p) * LOG2_E);
    }
    for (int n = 0; n < 256; ++n) rate[n] = static_cast<uint16_t>(std::floor(65536 / (n + 2.0) + 0.5));
}

const Tables TABLES;

}  // namespace gsz
