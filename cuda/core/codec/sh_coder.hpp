// Harmonics beyond the constant: coefficients of the file's own basis (a KLT), largest variance first. A splat says how
// many leading coefficients it has, then their values.
#pragma once
#include "splat_coder.hpp"

namespace gsz {

struct ShTarget {
    const float *coefficients;  // [sh_components], in the basis
    double weight;               // distortion of a squared error, over lambda
};

class ShCoder {
public:
    explicit ShCoder(const Params &p)
        : p_(p), count_(64, {16, 64}), value_(SIGNED_NODES, {64, 256, 49}), previous_(p.sh_components), symbols_(p.sh_components) {}

    // The splat's symbols, [sh_components]; they stand until the next call. `mean_count` is how many of them splats nearby
    // have, fixed point, over so many splats as `seen`.
    template <class IO>
    const int *code(IO &io, const Splat &s, int &mean_count, int seen, const ShTarget *target);

    int components_used() const { return components_used_; }  // rows of the basis that any splat so far needs

private:
    int step(const Splat &s) const { return p_.step[STEP_SH][s.color_class]; }
    static int log_bucket(int n) { return clip(n < 3 ? n : 2 * floor_log2(static_cast<uint32_t>(n)) + ((n >> (floor_log2(static_cast<uint32_t>(n)) - 1)) & 1), 0, 15); }
    void quantise(const Splat &s, int *symbols, const ShTarget &t) const;

    const Params &p_;
    Decisions<2> count_;
    Decisions<3> value_;
    std::vector<int> previous_, symbols_;  // zeros from their counts on
    int previous_count_ = 0, components_used_ = 0;
};

inline void ShCoder::quantise(const Splat &s, int *symbols, const ShTarget &t) const {
    // Dead-zone rounding, then trailing ones that cost more than they bring are cut.
    const double step_size = static_cast<double>(step(s)) / FIXED_ONE, w = 0.0796 * t.weight * step_size * step_size;
    for (int k = 0; k < p_.sh_components; ++k) {
        const double x = static_cast<double>(t.coefficients[k]) / step_size, a = std::floor(std::abs(x) + 0.5 - std::min(0.2, 0.6 / (w + 1e-9)));
        symbols[k] = static_cast<int>(std::min(a, 1e6)) * (x < 0 ? -1 : 1);
    }
    int end = p_.sh_components;
    double gain = 0;  // of keeping everything from `k` on, against zeros, in bits
    for (int k = p_.sh_components - 1; k >= 0; --k) {
        const double x = static_cast<double>(t.coefficients[k]) / step_size;
        const double saved = w * (x * x - (x - symbols[k]) * (x - symbols[k]));
        gain += saved - (symbols[k] ? 4.5 + 2 * std::log2(std::abs(static_cast<double>(symbols[k]))) : 0.5);
        if (gain <= 0) {
            end = k;
            gain = 0;
        }
    }
    for (int k = end; k < p_.sh_components; ++k) symbols[k] = 0;
}

template <class IO>
const int *ShCoder::code(IO &io, const Splat &s, int &mean_count, int seen, const ShTarget *target) {
    int *symbols = symbols_.data();
    if (target) quantise(s, symbols, *target);
    const int components = p_.sh_components;
    int count = components;
    if constexpr (std::is_same_v<IO, EncodeIO>)
        while (count > 0 && symbols[count - 1] == 0) --count;
    // Count: zero?, bucket of count, the rest of it.
    const int near = log_bucket(clip((mean_count + FIXED_ONE / 2) >> FIXED_BITS, 0, components));
    const int before = log_bucket(previous_count_);
    const auto ctx = count_.at({s.color_class, near * 4 + std::min(before, 3)});
    int n = 0;
    if (!count_.code(io, ctx, 0, count == 0)) {
        const int magnitude = count;
        int want = floor_log2(static_cast<uint32_t>(std::max(magnitude, 1))), bucket = 0;
        while ((2 << bucket) <= components && count_.code(io, ctx, 1 + bucket, bucket < want)) ++bucket;
        n = 1;
        for (int i = bucket - 1; i >= 0; --i)
            n = n << 1 | count_.code(io, ctx, 8 + bucket * 8 + (i == bucket - 1 ? 0 : (i == bucket - 2 ? 1 + (n & 1) : 3)), (magnitude >> i) & 1);
        if (n > components) broken("a splat has more harmonics than the file's basis");
    }
    int a = 0, b = 0;  // magnitudes of the two coefficients before
    for (int k = 0; k < n; ++k) {
        const int p = previous_[k];
        const auto c = value_.at({k, clip(a + b, 0, 7) * 16 + s.color_class + 128 * (k < 3), (clip(p, -3, 3) + 3) * 7 + clip(k, 0, 6)});
        int v = symbols[k];
        if (k == n - 1) {  // the last one is not zero
            const int negative = value_.code(io, c, NODE_SIGN, v < 0);
            v = code_magnitude(io, value_, c, v < 0 ? -v : v);
            if (negative) v = -v;
        } else {
            v = code_signed(io, value_, c, v);
        }
        symbols[k] = v;
        b = a;
        a = v < 0 ? -v : v;
    }
    for (int k = n; k < components; ++k) symbols[k] = 0;
    previous_.swap(symbols_);
    previous_count_ = n;
    components_used_ = std::max(components_used_, n);
    mean_count = drift(mean_count, n * FIXED_ONE, clip(seen, 1, 16));
    return previous_.data();
}

}  // namespace gsz
