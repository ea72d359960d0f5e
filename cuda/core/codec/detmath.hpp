// Elementary functions from IEEE-754 double +, -, *, / and sqrt alone, so that every compiler, CPU and WebAssembly
// engine rounds alike (this file must be compiled without contraction and without fast-math). FORMAT.md, "Arithmetic",
// gives the same formulas; gscompress/detmath.py is the Python twin.
#pragma once
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace gsz {

inline constexpr double LN2 = 0.693147180559945309417;
inline constexpr double LOG2_E = 1.44269504088896340736;
inline constexpr double PI = 3.14159265358979323846;

// 1 / i, each the nearest double: a multiplication is several times faster than a division.
inline constexpr std::array<double, 21 * 22 + 1> INVERSE = [] {
    std::array<double, 21 * 22 + 1> out{};
    for (size_t i = 1; i < out.size(); ++i) out[i] = 1.0 / static_cast<double>(i);
    return out;
}();

// 2^k for -1022 <= k <= 1023, exact.
inline double pow2(int k) { return std::bit_cast<double>(static_cast<uint64_t>(k + 1023) << 52); }

// e^x for |x| <= 700: x = k ln 2 + r, Taylor series of degree 14 in r, Horner.
inline double det_exp(double x) {
    const double k = std::floor(x * LOG2_E + 0.5);
    const double r = x - k * LN2;
    double y = 1.0;
    for (int i = 14; i >= 1; --i) y = 1.0 + y * r * INVERSE[i];
    return y * pow2(static_cast<int>(k));
}

// Three at once: each fills the gaps of the others.
inline void det_exp2_3(const double *x, double *y) {
    double r[3], k[3];
    for (int j = 0; j < 3; ++j) {
        const double natural = x[j] * LN2;
        k[j] = std::floor(natural * LOG2_E + 0.5);
        r[j] = natural - k[j] * LN2;
        y[j] = 1.0;
    }
    for (int i = 14; i >= 1; --i)
        for (int j = 0; j < 3; ++j) y[j] = 1.0 + y[j] * r[j] * INVERSE[i];
    for (int j = 0; j < 3; ++j) y[j] = y[j] * pow2(static_cast<int>(k[j]));
}

inline double det_exp2(double x) { return det_exp(x * LN2); }

// ln x for normal positive x: x = 2^e m, m in [sqrt 1/2, sqrt 2), 2 artanh((m - 1) / (m + 1)).
inline double det_log(double x) {
    const uint64_t bits = std::bit_cast<uint64_t>(x);
    int e = static_cast<int>((bits >> 52) & 2047) - 1023;
    double m = std::bit_cast<double>((bits & 0xfffffffffffffULL) | (1023ULL << 52));
    if (m > 1.41421356237309504880) {
        m = m * 0.5;
        e += 1;
    }
    const double f = (m - 1.0) / (m + 1.0), f2 = f * f;
    double y = 0.0;
    for (int i = 25; i >= 3; i -= 2) y = (y + INVERSE[i]) * f2;
    return 2.0 * (f + f * y) + e * LN2;
}

// sin and cos of y in [-pi/2, pi/2], Taylor series of degree 21 and 22.
inline double det_sin(double y) {
    const double y2 = y * y;
    double s = 1.0;
    for (int i = 20; i >= 2; i -= 2) s = 1.0 - s * y2 * INVERSE[i * (i + 1)];
    return y * s;
}

inline double det_cos(double y) {
    const double y2 = y * y;
    double s = 1.0;
    for (int i = 21; i >= 1; i -= 2) s = 1.0 - s * y2 * INVERSE[i * (i + 1)];
    return s;
}

}  // namespace gsz
