// One splat after another: classes, scales, rotation, opacity, position in the voxel, colour. The template is both the
// encoder and the decoder; what a decision sees as context is computed once, in integers, for both.
#pragma once
#include <cmath>

#include "neighbours.hpp"
#include "octree.hpp"
#include "rotation.hpp"

namespace gsz {

struct Splat {  // decoded symbols, fixed point where not an index
    uint64_t code = 0;
    int16_t geometry_class = 0, color_class = 0;
    int blur = 0;  // log2 of the blur at its voxel
    std::array<int, SCALARS> value{};
    Rotation rotation;
    std::array<int, 3> offset{};
    std::array<int16_t, 3> shift{};  // from the voxel's centre to where the offset begins, in 1/256 voxel; zeros without a guess
};

// What an anchor's network says of one child, [GUESS_WIDTH] numbers in 1/256: log odds of its presence, where it is (voxels),
// its values, then log2 of the expected sizes of the offset's symbols and of the values' residuals.
enum Guess { GUESS_PRESENCE = 0, GUESS_SHIFT = 1, GUESS_VALUE = 4, GUESS_OFFSET_SIZE = 11, GUESS_VALUE_SIZE = 14, GUESS_WIDTH = 21 };
inline constexpr int SIZE_BUCKETS = 32;

// Context of a guessed size, in half octaves about the step; both log2 in 1/256.
inline int size_bucket(int size_octaves, int step_octaves) { return clip(((size_octaves - step_octaves) >> 7) + SIZE_BUCKETS / 2, 0, SIZE_BUCKETS - 1); }

// log2 of a mean magnitude, fixed point, in 1/256.
inline int spread_octaves(int magnitude) { return (log2_integer(static_cast<uint64_t>(magnitude) + 1) >> (FIXED_BITS - 8)) - 256 * FIXED_BITS; }

struct Target {  // what the encoder wants a splat to be
    std::array<double, SCALARS> value;  // log2 scales (descending), log2 opacity, rotated colour
    double axes[3][3];                  // columns of the rotation, in the order of the scales
    double mean[3];                     // world units
    double geometry_weight, color_weight;  // distortion of a squared relative error, over lambda
    int geometry_class, color_class;
};

struct Statistics {  // bits by group, and the normal equations of the predictor
    enum Group { OCTREE, CLASS, SCALE, ROTATION, OPACITY, POSITION, COLOR, SH, SPLAT_GROUPS, LATENT = SPLAT_GROUPS, HYPER, MASK, GROUPS };
    std::array<double, GROUPS> bits{};
    std::array<std::array<std::array<double, FEATURES + 1>, FEATURES + 1>, SCALARS> normal{};
};

inline constexpr std::array<int, SCALARS> SCALAR_STEP{STEP_SCALE, STEP_SCALE, STEP_SCALE, STEP_OPACITY, STEP_COLOR, STEP_COLOR, STEP_COLOR};

// Distortion of a squared error of 1 in each scalar, per unit of the splat's weight: relative errors of the blending
// weight (E over a Gaussian footprint: 3/4 of a squared relative scale error) and of colour (Y_00^2).
inline constexpr std::array<double, SCALARS> SCALAR_WEIGHT{0.75 * LN2 * LN2, 0.75 * LN2 * LN2, 0.75 * LN2 * LN2, LN2 * LN2, 0.0796, 0.0796, 0.0796};
inline constexpr double POSITION_WEIGHT = 0.5;  // of a squared error of one (blurred) standard deviation

// Where a splat's offset begins.
inline double base_position(const Params &p, const Splat &s, int axis) {
    return p.origin[axis] + (static_cast<double>(compact3(s.code >> axis)) + 0.5 + s.shift[axis] / 256.0) * p.voxel;
}

// How far the target is from there, along each of the splat's axes, world units.
inline std::array<double, 3> local_offset(const Params &p, const Splat &s, const Target &target) {
    std::array<double, 3> local{};
    double axes[3][3];
    rotation_axes(s.rotation, axes);
    for (int i = 0; i < 3; ++i)
        for (int k = 0; k < 3; ++k) local[i] += axes[i][k] * (target.mean[k] - base_position(p, s, k));
    return local;
}

// log2 of the position step along each of the Gaussian's axes, fixed point.
inline std::array<int, 3> position_steps(const Params &p, const Splat &s) {
    std::array<int, 3> out;
    for (int i = 0; i < 3; ++i) {
        const int step = p.log2_step[STEP_POSITION] * (FIXED_ONE / 256) - s.geometry_class * FIXED_ONE + log2_hypot(s.value[i], s.blur);
        out[i] = clip(step, p.log2_voxel - 19 * FIXED_ONE, p.log2_voxel + 19 * FIXED_ONE);
    }
    return out;
}

// Of a magnitude < 2^23 in steps, by the step's inverse: 0 for less than 1/4, then two per octave, at most 23.
inline int half_octaves(int magnitude, uint64_t inverse) {
    const uint64_t q = (static_cast<uint64_t>(magnitude) << 3) * inverse >> 32;
    if (q < 2) return 0;
    const int k = std::bit_width(q) - 1;
    const int half = static_cast<int>((q >> (k - 1)) & 1);
    return clip(2 * k - 1 + half, 0, 23);
}
inline int rounded_steps(int v, uint64_t inverse) {  // halves away from zero
    const int magnitude = static_cast<int>(((static_cast<uint64_t>(v < 0 ? -v : v) << 1) * inverse + (uint64_t{1} << 32)) >> 33);
    return v < 0 ? -magnitude : magnitude;
}

struct CodeShape {  // what differs between splats by themselves and children of anchors
    std::array<int, 2> cell_shift{3, 15};  // bits of a Morton code below a cell, fine and coarse
    int spreads = 24;                      // values of the scalars' second context
    int offsets = 64;                      // and of the offsets'
};

class SplatCoder {
public:
    explicit SplatCoder(const Params &params, const CodeShape &shape = {})
        : p_(params), cell_shift_(shape.cell_shift), class_(64, {64, 64}), color_class_(64, {256}), offset_(SIGNED_NODES, {64, shape.offsets}) {
        for (int j = 0; j < SCALARS; ++j) scalar_.emplace_back(SIGNED_NODES, std::array<int, 4>{16, shape.spreads, 49, 25});
    }

    // `guess`: [GUESS_WIDTH], or null: then the cells alone tell what to expect.
    template <class IO>
    void code(IO &io, int layer, int lowest_class, Splat &s, const int16_t *guess, const Target *target, Statistics *stats);

    // Asks for the memory that the splats of these codes will need: `near` is coded soon, `far` after it.
    void expect(uint64_t near, uint64_t far) const {
        maps_[0].expect_cell(near >> cell_shift_[0]);
        maps_[0].expect_slot(far >> cell_shift_[0]);
    }
    void reserve(size_t more) { splats_.reserve(splats_.size() + more); }

    // Takes a splat that another coder has coded, `error` off what that expected of its values, as one of the splats so far.
    void add(const Splat &s, const std::array<int, SCALARS> &error) {
        look_up(s.code);
        settle(s, error);
    }
    const std::vector<Splat> &splats() const { return splats_; }
    const std::array<int, 2 * SCALARS> &expected() const { return expected_; }  // of the last splat
    Cell &fine_cell(uint64_t code) { return maps_[0].at(code >> cell_shift_[0]); }

    // Mean values in the fine and the coarse cell around a voxel, [2][SCALARS], in 1/256, then log2 of the mean sizes of their
    // residuals. An empty fine one takes those of the coarse one, an empty coarse one the header's mean and a size of 1.
    void near(uint64_t code, int *out) {
        std::array<int, SCALARS> spread;
        spread.fill(FIXED_ONE);
        const int *value = p_.mean.data(), *error = spread.data();
        for (int level = 1; level >= 0; --level) {
            const Cell &c = maps_[level].at(code >> cell_shift_[level]);
            if (c.count) {
                value = c.value.data();
                error = c.error.data();
            }
            for (int j = 0; j < SCALARS; ++j) {
                out[level * SCALARS + j] = value[j] >> (FIXED_BITS - 8);
                out[(2 + level) * SCALARS + j] = spread_octaves(error[j]);
            }
        }
    }

private:
    template <class IO>
    void code_classes(IO &io, int layer, int lowest, Splat &s, const Splat *before);
    template <class IO>
    void code_scalar(IO &io, int j, Splat &s, const Splat *before, const int16_t *guess, const Target *target, Statistics *stats);
    template <class IO>
    void code_offset(IO &io, Splat &s, const int16_t *guess, const Target *target);
    void look_up(uint64_t code) {
        for (int level = 0; level < 2; ++level) cells_[level] = &maps_[level].at(code >> cell_shift_[level]);
    }
    void settle(const Splat &s, const std::array<int, SCALARS> &error);

    const Params &p_;
    const std::array<int, 2> cell_shift_;
    Decisions<2> class_;
    Decisions<1> color_class_;
    std::vector<Decisions<4>> scalar_;
    RotationCoder rotation_;
    Decisions<2> offset_;
    std::array<CellMap, 2> maps_;  // fine, coarse
    std::array<Cell *, 2> cells_{};
    std::array<int, 2 * SCALARS> expected_{};  // predictions of the splat at hand without a guess, and the spreads about them
    std::array<int, SCALARS> error_{};  // residuals (value - prediction) of the splat at hand
    std::array<int, SCALARS> small_{};  // the same in steps, within two, plus two
    std::vector<Splat> splats_;
};

template <class IO>
void SplatCoder::code_classes(IO &io, int layer, int lowest, Splat &s, const Splat *before) {
    auto unary = [&](auto &model, const auto &ctx, int base, int value, int limit) {
        int n = 0;
        while (n < limit && model.code(io, ctx, base + n, n < value)) ++n;
        return n;
    };
    const Cell &fine = *cells_[0];
    const int half = FIXED_ONE / 2;
    const int b = before ? clip(before->geometry_class - lowest, 0, 14) + 1 : 0;
    const int f = fine.count ? clip((fine.geometry_class + half) >> FIXED_BITS, 0, 14) + 1 : 0;
    s.geometry_class = static_cast<int16_t>(lowest + unary(class_, class_.at({layer * 16 + b, layer * 16 + f}), 0, s.geometry_class - lowest, CLASSES - 1 - lowest));
    // The colour class as a signed offset from the geometry class.
    const int cb = before ? clip(before->color_class - before->geometry_class + 8, 0, 14) + 1 : 0;
    const int g = s.geometry_class;
    const auto ctx = color_class_.at({g * 16 + cb});
    int d = s.color_class - g;
    if (color_class_.code(io, ctx, 0, d == 0)) d = 0;
    else {
        const bool down_possible = g > 0, up_possible = g < CLASSES - 1;
        const bool down = !up_possible || (down_possible && color_class_.code(io, ctx, 1, d < 0));
        if (down) d = -1 - unary(color_class_, ctx, 2, -1 - d, g - 1);
        else d = 1 + unary(color_class_, ctx, 20, d - 1, CLASSES - 2 - g);
    }
    s.color_class = static_cast<int16_t>(g + d);
}

template <class IO>
void SplatCoder::code_scalar(IO &io, int j, Splat &s, const Splat *before, const int16_t *guess, const Target *target, Statistics *stats) {
    const bool color = j >= 4;
    const int own_class = color ? s.color_class : s.geometry_class, step = p_.step[SCALAR_STEP[j]][own_class];
    const uint64_t inverse = p_.inverse[SCALAR_STEP[j]][own_class];
    // Neighbourhood values; the coarse cell stands in for a fine one that is empty.
    int x[FEATURES], spread = FIXED_ONE;
    int below = p_.mean[j];
    for (int level = 1; level >= 0; --level) {
        const Cell &c = *cells_[level];
        if (c.count) {
            below = c.value[j];
            spread = c.error[j];
        }
        x[level] = below;
    }
    x[2] = before ? before->value[j] : below;
    const int more = guess ? guess[GUESS_VALUE + j] * (FIXED_ONE / 256) : 0;  // than the neighbourhood tells
    for (int k = 0; k < 6; ++k) x[3 + k] = k < j ? error_[k] : 0;
    x[FEATURES - 1] = FIXED_ONE;
    int64_t sum = 512 + int64_t{1024} * more;
    for (int k = 0; k < FEATURES; ++k) sum += static_cast<int64_t>(p_.predictor[j][k]) * x[k];
    const int prediction = clip(static_cast<int>(sum >> 10), -VALUE_LIMIT, VALUE_LIMIT);

    expected_[j] = prediction - more;
    expected_[SCALARS + j] = spread;
    auto side = [&](int v) { return clip(rounded_steps(v - prediction, inverse), -3, 3) + 3; };
    auto small = [&](int k) { return k >= 0 ? small_[k] : 2; };  // earlier residuals of this splat
    const int expected = guess ? size_bucket(guess[GUESS_VALUE_SIZE + j] + spread_octaves(spread), p_.step_octaves[SCALAR_STEP[j]][own_class]) : half_octaves(spread, inverse);
    const auto ctx = scalar_[j].expect({own_class, expected, side(x[2]) * 7 + side(x[0]), small(j - 1) * 5 + small(j - 2)});
    int symbol = 0;
    if (encodes<IO> && target) {
        // Rate-distortion: the symbol of least weight * error^2 + bits among the two around the target and zero.
        const double t = target->value[j] * FIXED_ONE, w = SCALAR_WEIGHT[j] * (color ? target->color_weight : target->geometry_weight);
        const double ideal = (t - prediction) / step;
        const int low = static_cast<int>(std::floor(ideal));
        double best = 1e300;
        for (int candidate : {low, low + 1, low < 0 ? low + 2 : low - 1}) {
            if (std::abs(candidate) > MAX_MAGNITUDE) continue;
            CostIO cost;
            code_signed(cost, scalar_[j], ctx, candidate);
            const double e = (ideal - candidate) * step / FIXED_ONE;
            const double total = w * e * e + cost.bits;
            if (total < best) {
                best = total;
                symbol = candidate;
            }
        }
        if (stats) {
            auto &n = stats->normal[j];
            double row[FEATURES + 1];
            for (int k = 0; k < FEATURES; ++k) row[k] = x[k];
            row[FEATURES] = t - more;
            const double certain = w / (1.0 + w);
            for (int a = 0; a <= FEATURES; ++a)
                for (int b = 0; b <= FEATURES; ++b) n[a][b] += certain * row[a] * row[b];
        }
    }
    symbol = code_signed(io, scalar_[j], ctx, symbol);
    const int64_t value = prediction + static_cast<int64_t>(symbol) * step;
    s.value[j] = static_cast<int>(value < -VALUE_LIMIT ? -VALUE_LIMIT : (value > VALUE_LIMIT ? VALUE_LIMIT : value));
    error_[j] = s.value[j] - prediction;
    small_[j] = clip(rounded_steps(error_[j], inverse), -2, 2) + 2;
}

// The rotation nearest to the target's, of this layout.
inline void fit_rotation(Splat &s, const Target &t) {
    Rotation &r = s.rotation;
    const double *primary = t.axes[r.needle ? 0 : 2], *second = t.axes[r.needle ? 2 : 0];
    auto level = [](double x, int bits) { return clip(static_cast<int>(std::floor(x * (1 << bits))), 0, (1 << bits) - 1); };
    if (r.bits > 0) {
        int face = 0;
        for (int i = 1; i < 3; ++i)
            if (std::abs(primary[i]) > std::abs(primary[face])) face = i;
        r.face = static_cast<int8_t>(face);
        r.u = level((primary[(face + 1) % 3] / primary[face] + 1) / 2, r.bits);
        r.v = level((primary[(face + 2) % 3] / primary[face] + 1) / 2, r.bits);
    }
    if (r.angle_bits > 0) {
        double n[3], a[3], b[3];
        direction(r, n);
        across(n, r.face, a, b);
        double x = 0, y = 0;
        for (int i = 0; i < 3; ++i) {
            x += second[i] * a[i];
            y += second[i] * b[i];
        }
        double phi = std::atan2(y, x) / PI;  // modulo 1: the axis has no sign
        phi -= std::floor(phi);
        r.angle = level(phi, r.angle_bits);
    }
}

template <class IO>
void SplatCoder::code_offset(IO &io, Splat &s, const int16_t *guess, const Target *target) {
    const std::array<int, 3> steps = position_steps(p_, s);
    const std::array<double, 3> local = encodes<IO> && target ? local_offset(p_, s, *target) : std::array<double, 3>{};
    int used = 0;
    for (int i = 0; i < 3; ++i) {
        const int ratio = p_.log2_voxel - steps[i];  // levels across the voxel, log2
        if (!guess && ratio <= -3277) {  // half a step covers the voxel's half diagonal: nothing to say
            s.offset[i] = 0;
            continue;
        }
        const int bucket = clip((ratio >> (FIXED_BITS - 2)) + 4, 0, 63);
        const int expected = guess ? size_bucket(guess[GUESS_OFFSET_SIZE + i] + (ratio >> (FIXED_BITS - 8)), 512) : clip(bucket / 2, 0, 15);  // a quarter of the levels
        const auto ctx = offset_.at({bucket, expected * 4 + used});
        int symbol = 0;
        if (encodes<IO> && target) {
            const double most = MAX_MAGNITUDE - 1, ideal = std::clamp(local[i] / det_exp2(static_cast<double>(steps[i]) / FIXED_ONE), -most, most);
            const double step = det_exp2(static_cast<double>(steps[i] - log2_hypot(s.value[i], s.blur)) / FIXED_ONE);
            const int low = static_cast<int>(std::floor(ideal));
            double best = 1e300;
            for (int candidate : {low, low + 1}) {
                CostIO cost;
                code_signed(cost, offset_, ctx, candidate);
                const double e = (ideal - candidate) * step;
                const double total = POSITION_WEIGHT * target->geometry_weight * e * e + cost.bits;
                if (total < best) {
                    best = total;
                    symbol = candidate;
                }
            }
        }
        s.offset[i] = code_signed(io, offset_, ctx, symbol);
        used = clip(used + (std::abs(s.offset[i]) > 1), 0, 3);
    }
}

// What later splats see of this one, whose values are so far off what was expected of them.
inline void SplatCoder::settle(const Splat &s, const std::array<int, SCALARS> &error) {
    for (Cell *c : cells_) {
        for (int j = 0; j < SCALARS; ++j) {
            c->value[j] = drift(c->value[j], s.value[j], c->count);
            c->error[j] = drift(c->error[j], std::abs(error[j]), c->count);
        }
        c->geometry_class = drift(c->geometry_class, s.geometry_class * FIXED_ONE, c->count);
        c->last = static_cast<int>(splats_.size());
        if (c->count < 1000) ++c->count;
    }
    splats_.push_back(s);
}

template <class IO>
void SplatCoder::code(IO &io, int layer, int lowest_class, Splat &s, const int16_t *guess, const Target *target, Statistics *stats) {
    look_up(s.code);
    s.blur = log2_blur(p_, static_cast<int64_t>(compact3(s.code)), static_cast<int64_t>(compact3(s.code >> 1)), static_cast<int64_t>(compact3(s.code >> 2)));
    const Splat *before = splats_.empty() ? nullptr : &splats_.back();
    if (guess) std::copy_n(guess + GUESS_SHIFT, 3, s.shift.begin());
    auto group = [&](Statistics::Group g) {
        if constexpr (encodes<IO>) io.bits = stats ? &stats->bits[g] : nullptr;
        (void)g;
    };
    if (encodes<IO> && target) {
        s.geometry_class = static_cast<int16_t>(target->geometry_class);
        s.color_class = static_cast<int16_t>(target->color_class);
    }
    group(Statistics::CLASS);
    code_classes(io, layer, lowest_class, s, before);
    group(Statistics::SCALE);
    for (int j = 0; j < 3; ++j) code_scalar(io, j, s, before, guess, target, stats);
    group(Statistics::ROTATION);
    s.rotation = rotation_layout(p_, s.value.data(), s.blur, s.geometry_class);
    if (encodes<IO> && target) fit_rotation(s, *target);
    const int last = cells_[0]->count ? cells_[0]->last : (cells_[1]->count ? cells_[1]->last : -1);
    rotation_.code(io, s.rotation, before ? &before->rotation : nullptr, last >= 0 ? &splats_[last].rotation : nullptr);
    group(Statistics::OPACITY);
    code_scalar(io, 3, s, before, guess, target, stats);
    group(Statistics::POSITION);
    code_offset(io, s, guess, target);
    group(Statistics::COLOR);
    for (int j = 4; j < 7; ++j) code_scalar(io, j, s, before, guess, target, stats);
    settle(s, error_);
}

}  // namespace gsz
