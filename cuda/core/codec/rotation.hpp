// Rotations of Gaussians, canonical: scales sorted, so that axis 0 is the longest and axis 2 the shortest. The axis that
// stands out (shortest of a disc, longest of a needle) is coded as a direction without sign, the others as an angle.
#pragma once
#include <array>
#include <cstdint>

#include "params.hpp"
#include "symbols.hpp"

namespace gsz {

struct Rotation {
    int8_t needle = 0;      // the primary axis is the longest one
    int8_t bits = 0;        // precision of u and v
    int8_t angle_bits = 0;  // precision of angle
    int8_t face = 2;        // largest component of the primary axis
    int u = 0, v = 0, angle = 0;
};

// Which axis is primary and how many bits each part gets, from the decoded log2 scales (fixed point, descending).
inline Rotation rotation_layout(const Params &p, const int *log2_scales, int blur, int geometry_class) {
    int eff[3];
    for (int i = 0; i < 3; ++i) eff[i] = log2_hypot(log2_scales[i], blur);
    auto weight = [&](int i, int j) {
        const int d = (eff[i] - eff[j]) >> (FIXED_BITS - 6);
        return STEP_TABLES.sinh[clip(d, 0, 1023)];
    };
    const int w01 = weight(0, 1), w12 = weight(1, 2), w02 = weight(0, 2);
    Rotation r;
    r.needle = w01 > w12;
    const int primary = (w02 + (r.needle ? w01 : w12)) >> 1, rest = r.needle ? w12 : w01;
    const int base = p.log2_step[STEP_ROTATION] - 256 * geometry_class;
    r.bits = static_cast<int8_t>(clip((256 - base + primary + 128) >> 8, 0, 14));
    r.angle_bits = static_cast<int8_t>(clip((423 - base + rest + 128) >> 8, 0, 14));  // 423 = 256 log2(pi)
    return r;
}

inline void direction(const Rotation &r, double *n) {
    const double scale = 2.0 / (1 << r.bits);
    double u = (r.u + 0.5) * scale - 1.0, v = (r.v + 0.5) * scale - 1.0;
    if (r.bits == 0) u = v = 0.0;
    const double length = std::sqrt(u * u + v * v + 1.0);
    n[r.face] = 1.0 / length;
    n[(r.face + 1) % 3] = u / length;
    n[(r.face + 2) % 3] = v / length;
}

// Unit vectors across n: the first leans towards the axis after n's largest one.
inline void across(const double *n, int face, double *s, double *t) {
    const int a = (face + 1) % 3;
    const double d = n[a];
    for (int i = 0; i < 3; ++i) s[i] = (i == a ? 1.0 : 0.0) - n[i] * d;
    const double length = std::sqrt(s[0] * s[0] + s[1] * s[1] + s[2] * s[2]);
    for (int i = 0; i < 3; ++i) s[i] = s[i] / length;
    t[0] = n[1] * s[2] - n[2] * s[1];
    t[1] = n[2] * s[0] - n[0] * s[2];
    t[2] = n[0] * s[1] - n[1] * s[0];
}

// Columns of the rotation matrix: axes[i] is the Gaussian's i-th axis in the world.
inline void rotation_axes(const Rotation &r, double axes[3][3]) {
    double n[3], s[3], t[3];
    direction(r, n);
    across(n, r.face, s, t);
    const double y = (r.angle_bits == 0 ? 0.0 : (r.angle + 0.5) / (1 << r.angle_bits) - 0.5) * PI;  // angle - pi/2
    const double c = -det_sin(y), d = det_cos(y);
    double *primary = axes[r.needle ? 0 : 2], *second = axes[r.needle ? 2 : 0];
    for (int i = 0; i < 3; ++i) {
        primary[i] = n[i];
        second[i] = s[i] * c + t[i] * d;
    }
    axes[1][0] = axes[2][1] * axes[0][2] - axes[2][2] * axes[0][1];
    axes[1][1] = axes[2][2] * axes[0][0] - axes[2][0] * axes[0][2];
    axes[1][2] = axes[2][0] * axes[0][1] - axes[2][1] * axes[0][0];
}

class RotationCoder {
public:
    RotationCoder() : face_(2, {64, 16}), bits_(64, {16, 128}) {}

    // `near`: rotations of two decoded neighbours (may be null).
    template <class IO>
    void code(IO &io, Rotation &r, const Rotation *a, const Rotation *b) {
        if (r.bits > 0) {
            const int fa = a && a->bits ? a->face + 1 : 0, fb = b && b->bits ? b->face + 1 : 0;
            const int kinds = r.needle * 2 + (a ? a->needle : r.needle);
            const auto ctx = face_.at({fa * 16 + fb * 4 + kinds, fb * 4 + kinds});
            const int not_last = face_.code(io, ctx, 0, r.face != 2);
            r.face = static_cast<int8_t>(not_last ? face_.code(io, ctx, 1, r.face == 1) : 2);
            r.u = component(io, r, 0, r.u, top(r, a, 0), top(r, b, 0), 0);
            r.v = component(io, r, 1, r.v, top(r, a, 1), top(r, b, 1), r.bits >= 2 ? r.u >> (r.bits - 2) : 0);
        }
        if (r.angle_bits > 0) r.angle = component(io, r, 2, r.angle, top(r, a, 2), top(r, b, 2), r.bits ? r.face + 1 : 0);
    }

private:
    static constexpr int TOP = 4;  // modelled bits of a component

    static int top(const Rotation &r, const Rotation *o, int which) {  // the neighbour's leading bits, 16 for none
        if (!o || o->needle != r.needle) return 16;
        const int bits = which == 2 ? o->angle_bits : o->bits;
        if (bits == 0 || (r.bits && o->bits && o->face != r.face)) return 16;
        const int value = which == 0 ? o->u : (which == 1 ? o->v : o->angle);
        return bits >= TOP ? value >> (bits - TOP) : value << (TOP - bits);
    }

    template <class IO>
    int component(IO &io, const Rotation &r, int which, int value, int ta, int tb, int extra) {
        const int bits = which == 2 ? r.angle_bits : r.bits;
        const int modelled = bits < TOP ? bits : TOP;
        int prefix = 1;
        for (int i = 0; i < modelled; ++i) {
            // The neighbours' bits matter while the prefix still agrees with theirs.
            auto agree = [&](int t) { return t < 16 && (t >> (TOP - i)) == prefix - (1 << i) ? 2 + ((t >> (TOP - 1 - i)) & 1) : (t < 16 ? 1 : 0); };
            const int na = agree(ta), nb = agree(tb);
            const auto ctx = bits_.at({r.needle * 4 + extra, ((na * 4 + nb) * 4 + r.face) * 2 + r.needle});
            prefix = prefix << 1 | bits_.code(io, ctx, which * 16 + prefix, (value >> (bits - 1 - i)) & 1);
        }
        int out = prefix - (1 << modelled);
        const int low = bits - modelled;
        if (low) out = out << low | code_raw(io, low, value & ((1 << low) - 1));
        return out;
    }

    Decisions<2> face_;
    Decisions<2> bits_;
};

}  // namespace gsz
