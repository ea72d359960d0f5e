#include "following.hpp"

namespace gsz {
namespace {

constexpr int MOTION_UNIT = 16;  // of a place's unit

int level_of(int v, int from, int to) {  // the middle of a level of `from` bits, as a level of `to` bits
    return to >= from ? (v << (to - from)) + ((1 << (to - from)) >> 1) : v >> (from - to);
}

int rescaled(int64_t symbol, int64_t from, int64_t to) {  // of one step to another, halves away from zero
    const int64_t magnitude = (2 * std::abs(symbol) * from + to) / (2 * to);
    return static_cast<int>(std::min<int64_t>(magnitude, MAX_MAGNITUDE)) * (symbol < 0 ? -1 : 1);
}

double squared(double v) { return v * v; }

// The symbol of least weight * (ideal - symbol)^2 + bits among those around the ideal one and zero.
template <class Cost>
int best_symbol(double ideal, double weight, Cost cost) {
    const int low = static_cast<int>(std::floor(ideal));
    double best = 1e300;
    int symbol = 0;
    for (int candidate : {0, low, low + 1, low < 0 ? low + 2 : low - 1}) {
        if (std::abs(candidate) > MAX_MAGNITUDE) continue;
        const double total = weight * squared(ideal - candidate) + cost(candidate);
        if (total < best) {
            best = total;
            symbol = candidate;
        }
    }
    return symbol;
}

uint64_t voxel_of(const Place &place) {
    return morton(static_cast<uint64_t>(place[0] >> PLACE_BITS), static_cast<uint64_t>(place[1] >> PLACE_BITS), static_cast<uint64_t>(place[2] >> PLACE_BITS));
}

}  // namespace

Place place_of(const Params &p, const Splat &s) {
    double mean[3];
    reconstruct_mean(p, s, mean);
    Place out;
    const double most = static_cast<double>((int64_t{1} << (p.depth + PLACE_BITS)) - 1);
    for (int k = 0; k < 3; ++k) {
        const double at = std::floor((mean[k] - p.origin[k]) / p.voxel * (1 << PLACE_BITS));
        out[k] = static_cast<int32_t>(at < 0 ? 0 : (at > most ? most : at));
    }
    return out;
}

FollowingBlock::FollowingBlock(const Params &params, const BlockState &before)
    : p_(params), before_(before), fresh_(params), changes_(params), fresh_sh_(params), children_(16, {64, 16}), class_(SIGNED_NODES, {64, 32}),
      rotation_(SIGNED_NODES, {64, 64, 64}), offset_(SIGNED_NODES, {32, 64, 64}) {
    for (int j = 0; j < SCALARS; ++j) scalar_.emplace_back(SIGNED_NODES, std::array<int, 4>{64, 96, 25, 28});
}

// A splat begins at its parent's place, moved as those nearby were.
void FollowingBlock::begin_at(Splat &s, const Place &place, const MotionCell *cell) const {
    const int32_t most = static_cast<int32_t>((int64_t{1} << (p_.depth + PLACE_BITS)) - 1);
    std::array<uint64_t, 3> voxel;
    for (int k = 0; k < 3; ++k) {
        const int moved = cell ? (cell->motion[k] + MOTION_UNIT / 2) >> 4 : 0;
        const int at = clip(place[k] + moved, 0, most);
        voxel[k] = static_cast<uint64_t>(at >> PLACE_BITS);
        s.shift[k] = static_cast<int16_t>((at & 255) - 128);
    }
    s.code = morton(voxel[0], voxel[1], voxel[2]);
    s.blur = log2_blur(p_, static_cast<int64_t>(voxel[0]), static_cast<int64_t>(voxel[1]), static_cast<int64_t>(voxel[2]));
}

template <class IO>
void FollowingBlock::classes(IO &io, Splat &s, const Splat &parent, Activity &activity) {
    const int g = code_signed(io, class_, class_.at({parent.geometry_class, last_activity_}), s.geometry_class - parent.geometry_class);
    if (parent.geometry_class + g < 0 || parent.geometry_class + g >= CLASSES) broken("a class out of range");
    s.geometry_class = static_cast<int16_t>(parent.geometry_class + g);
    const int c = code_signed(io, class_, class_.at({16 + parent.color_class, 16 + clip(g, -3, 3) + 3}), s.color_class - parent.color_class);
    if (parent.color_class + c < 0 || parent.color_class + c >= CLASSES) broken("a class out of range");
    s.color_class = static_cast<int16_t>(parent.color_class + c);
    activity.add(g);
    activity.add(c);
}

template <class IO>
void FollowingBlock::scalar(IO &io, int j, Splat &s, const Splat &parent, const MotionCell &cell, Activity &activity, const Target *target) {
    const bool color = j >= 4;
    const int own_class = color ? s.color_class : s.geometry_class, step = p_.step[SCALAR_STEP[j]][own_class];
    const uint64_t inverse = p_.inverse[SCALAR_STEP[j]][own_class];
    auto small = [&](int k) { return k >= 0 ? clip(symbol_[k], -2, 2) + 2 : 2; };
    const int spread = half_octaves(cell.count ? cell.error[j] : FIXED_ONE / 16, inverse);
    const auto ctx = scalar_[j].at({own_class * 4 + activity.at(), spread * 4 + activity.at(), small(j - 1) * 5 + small(j - 2), small(j - 3) * 4 + std::min(last_activity_, 3)});
    int symbol = 0;
    if (encodes<IO> && target) {
        const double w = SCALAR_WEIGHT[j] * (color ? target->color_weight : target->geometry_weight) * squared(static_cast<double>(step) / FIXED_ONE);
        symbol = best_symbol((target->value[j] * FIXED_ONE - parent.value[j]) / step, w, [&](int candidate) {
            CostIO cost;
            code_signed(cost, scalar_[j], ctx, candidate);
            return cost.bits;
        });
    }
    symbol_[j] = code_signed(io, scalar_[j], ctx, symbol);
    const int64_t value = parent.value[j] + static_cast<int64_t>(symbol_[j]) * step;
    s.value[j] = static_cast<int>(value < -VALUE_LIMIT ? -VALUE_LIMIT : (value > VALUE_LIMIT ? VALUE_LIMIT : value));
    error_[j] = s.value[j] - parent.value[j];
    activity.add(symbol_[j]);
}

template <class IO>
void FollowingBlock::rotation(IO &io, Splat &s, const Splat &parent, Activity &activity, const Target *target) {
    Rotation &r = s.rotation;
    const Rotation &o = parent.rotation;
    r = rotation_layout(p_, s.value.data(), s.blur, s.geometry_class);
    if (encodes<IO> && target) fit_rotation(s, *target);
    int steady = o.needle == r.needle && (r.bits == 0 || o.bits > 0);
    if (steady && r.bits > 0) steady = rotation_.code(io, rotation_.at({60 + activity.at(), 60, 60 + r.needle}), 0, r.face == o.face);
    if (!steady) {  // another axis: as of any other splat
        other_rotation_.code(io, r, nullptr, nullptr);
        activity.add(1);
        return;
    }
    if (r.bits > 0) r.face = o.face;
    int before = 0;
    auto component = [&](int which, int bits, int value, int expected) {
        const int size = 1 << bits, low = -expected, high = size - 1 - expected;
        const auto ctx = rotation_.at({bits * 4 + activity.at(), which * 16 + std::min(before, 3) * 4 + std::min(last_activity_, 3), which * 16 + bits});
        int d = value - expected;
        if (which == 2) d = d >= size / 2 ? d - size : (d < -size / 2 ? d + size : d);
        if (encodes<IO> && target) {  // one level off is what rounding alone may do; where it costs more than it is worth, it is not told
            CostIO told, untold;
            code_signed(told, rotation_, ctx, d);
            code_signed(untold, rotation_, ctx, 0);
            if (std::abs(d) == 1 && untold.bits + 6.0 < told.bits) d = 0;
        }
        d = code_signed(io, rotation_, ctx, d);
        before = std::abs(d);
        activity.add(d);
        if (which == 2) return (expected + d) & (size - 1);
        if (d < low || d > high) broken("a rotation out of range");
        return expected + d;
    };
    if (r.bits > 0) {
        r.u = component(0, r.bits, r.u, level_of(o.u, o.bits, r.bits));
        r.v = component(1, r.bits, r.v, level_of(o.v, o.bits, r.bits));
    }
    if (r.angle_bits > 0) r.angle = component(2, r.angle_bits, r.angle, o.angle_bits ? level_of(o.angle, o.angle_bits, r.angle_bits) : 1 << (r.angle_bits - 1));
}

template <class IO>
void FollowingBlock::offset(IO &io, Splat &s, const MotionCell &cell, Activity &activity, const Target *target) {
    const std::array<int, 3> steps = position_steps(p_, s);
    const std::array<double, 3> local = encodes<IO> && target ? local_offset(p_, s, *target) : std::array<double, 3>{};
    int before = 0;
    for (int i = 0; i < 3; ++i) {
        const int expected = cell.count ? clip(((cell.offset - steps[i]) >> (FIXED_BITS - 1)) + 8, 0, 30) : 31;
        const auto ctx = offset_.at({expected, std::min(before, 3) * 16 + activity.at() * 4 + std::min(last_activity_, 3), s.geometry_class * 4 + i});
        int symbol = 0;
        if (encodes<IO> && target) {
            const double ideal = std::clamp(local[i] / det_exp2(static_cast<double>(steps[i]) / FIXED_ONE), -1e6, 1e6);
            const double step = det_exp2(static_cast<double>(steps[i] - log2_hypot(s.value[i], s.blur)) / FIXED_ONE);
            symbol = best_symbol(ideal, POSITION_WEIGHT * target->geometry_weight * step * step, [&](int candidate) {
                CostIO cost;
                code_signed(cost, offset_, ctx, candidate);
                return cost.bits;
            });
        }
        s.offset[i] = code_signed(io, offset_, ctx, symbol);
        before += std::bit_width(static_cast<unsigned>(std::abs(s.offset[i]))) > 1;
        activity.add(std::abs(s.offset[i]) > 1);
    }
}

template <class IO>
void FollowingBlock::child(IO &io, size_t parent_row, const Target *target, Statistics *stats) {
    const Splat &parent = before_.splats[parent_row];
    const Place &place = before_.places[parent_row];
    auto group = [&](Statistics::Group g) {
        if constexpr (encodes<IO>) io.bits = stats ? &stats->bits[g] : nullptr;
        (void)g;
    };
    const uint64_t code = voxel_of(place);
    MotionCell *cells[2] = {&motion_[0].at(code >> 6), &motion_[1].at(code >> 15)};
    const MotionCell &cell = cells[0]->count ? *cells[0] : *cells[1];
    Splat s;
    begin_at(s, place, cell.count ? &cell : nullptr);
    if (encodes<IO> && target) {
        s.geometry_class = static_cast<int16_t>(target->geometry_class);
        s.color_class = static_cast<int16_t>(target->color_class);
    }
    Activity activity;
    group(Statistics::CLASS);
    classes(io, s, parent, activity);
    group(Statistics::SCALE);
    for (int j = 0; j < 3; ++j) scalar(io, j, s, parent, cell, activity, target);
    group(Statistics::OPACITY);
    scalar(io, 3, s, parent, cell, activity, target);
    group(Statistics::COLOR);
    for (int j = 4; j < 7; ++j) scalar(io, j, s, parent, cell, activity, target);
    group(Statistics::ROTATION);
    rotation(io, s, parent, activity, target);
    group(Statistics::POSITION);
    offset(io, s, cell, activity, target);
    last_activity_ = std::min(activity.changed, 15);

    const Place now = place_of(p_, s);
    const std::array<int, 3> steps = position_steps(p_, s);
    for (MotionCell *c : cells) {
        for (int k = 0; k < 3; ++k) c->motion[k] = drift(c->motion[k], clip(now[k] - place[k], -(1 << 20), 1 << 20) * MOTION_UNIT, c->count);
        for (int j = 0; j < SCALARS; ++j) c->error[j] = drift(c->error[j], std::abs(error_[j]), c->count);
        int size = 0;
        for (int i = 0; i < 3; ++i) size += log2_integer(static_cast<uint64_t>(2 * std::abs(s.offset[i]) + 1)) + steps[i];
        c->offset = drift(c->offset, (85 * size) >> 8, c->count);
        if (c->count < 1000) ++c->count;
    }
    fresh_.add(s, error_);
    state_.places.push_back(now);
    parents_.push_back(static_cast<int>(parent_row));
}

template <class IO>
void FollowingBlock::geometry(IO &io, size_t count, size_t fresh, const std::vector<FollowTarget> *rows, const std::vector<uint64_t> *codes, Statistics *stats) {
    constexpr bool encoding = encodes<IO>;
    auto group = [&](Statistics::Group g) {
        if constexpr (encoding) io.bits = stats ? &stats->bits[g] : nullptr;
        (void)g;
    };
    const size_t followers = count - fresh;
    size_t done = 0;
    int last = 1;
    fresh_.reserve(count);
    for (size_t r = 0; r < before_.splats.size(); ++r) {
        const Splat &parent = before_.splats[r];
        int children = 0;
        for (;; ++children) {
            const auto ctx = children_.at({parent.geometry_class * 4 + std::min(last, 3), last_activity_});
            const int more = rows && done < followers && (*rows)[done].parent == static_cast<int>(r);
            group(Statistics::OCTREE);
            if (!children_.code(io, ctx, std::min(children, 15), more)) break;
            if (done == followers) broken("more splats that follow than the frame has");
            child(io, r, rows ? &(*rows)[done].splat : nullptr, stats);
            ++done;
            if constexpr (!encoding) io.check();
        }
        if constexpr (!encoding) io.check();
        last = children;
    }
    if (done != followers) broken("fewer splats that follow than the frame has");
    group(Statistics::OCTREE);
    std::vector<uint64_t> voxels = codes ? *codes : std::vector<uint64_t>();
    octree_.code(io, p_.depth, fresh, voxels, {});
    for (size_t i = 0; i < fresh; ++i) {
        Splat s;
        s.code = voxels[i];
        fresh_.code(io, 0, 0, s, nullptr, rows ? &(*rows)[done + i].splat : nullptr, nullptr);
        if constexpr (!encoding) io.check();
        state_.places.push_back(place_of(p_, fresh_.splats().back()));
        parents_.push_back(-1);
    }
}

template <class IO>
void FollowingBlock::harmonics(IO &io, const float *coefficients, const double *weights) {
    const int width = p_.sh_components;
    if (width == 0) return;
    std::vector<float> rest(width);
    for (size_t i = 0; i < fresh_.splats().size(); ++i) {
        const Splat &s = fresh_.splats()[i];
        const int parent = parents_[i];
        std::vector<int> expected(width);
        if (parent >= 0) {
            const int32_t *of = before_.sh.data() + static_cast<size_t>(parent) * width;
            const int64_t from = p_.step[STEP_SH][before_.splats[parent].color_class], to = p_.step[STEP_SH][s.color_class];
            for (int k = 0; k < width; ++k) expected[k] = from == to ? of[k] : rescaled(of[k], from, to);
        }
        ShTarget target{coefficients ? coefficients + i * width : nullptr, weights ? weights[i] : 0};
        if (encodes<IO> && coefficients && parent >= 0) {
            for (int k = 0; k < width; ++k) rest[k] = target.coefficients[k] - static_cast<float>(expected[k] * (static_cast<double>(p_.step[STEP_SH][s.color_class]) / FIXED_ONE));
            target.coefficients = rest.data();
        }
        const uint64_t code = voxel_of(state_.places[i]);
        MotionCell &cell = motion_[parent >= 0 ? 0 : 1].at(parent >= 0 ? code >> 6 : code >> 15);
        const int *symbols = (parent >= 0 ? changes_ : fresh_sh_).code(io, s, cell.sh_count, cell.count, coefficients ? &target : nullptr);
        if constexpr (std::is_same_v<IO, DecodeIO>) io.check();
        for (int k = 0; k < width; ++k) state_.sh.push_back(clip(expected[k] + symbols[k], -MAX_MAGNITUDE, MAX_MAGNITUDE));
    }
}

std::vector<uint8_t> FollowingBlock::encode_geometry(const std::vector<FollowTarget> &rows, const std::vector<uint64_t> &codes, Statistics *stats) {
    EncodeIO io;
    geometry(io, rows.size(), codes.size(), &rows, &codes, stats);
    return io.coder.finish();
}

std::vector<uint8_t> FollowingBlock::encode_sh(const float *coefficients, const double *weights, Statistics *stats) {
    EncodeIO io;
    io.bits = stats ? &stats->bits[Statistics::SH] : nullptr;
    harmonics(io, coefficients, weights);
    return io.coder.finish();
}

void FollowingBlock::decode_geometry(size_t count, size_t fresh, const uint8_t *data, size_t size) {
    DecodeIO io{RangeDecoder(data, size)};
    geometry(io, count, fresh, nullptr, nullptr, nullptr);
    io.check_end();
}

void FollowingBlock::decode_sh(const uint8_t *data, size_t size) {
    DecodeIO io{RangeDecoder(data, size)};
    harmonics(io, nullptr, nullptr);
    io.check_end();
}

BlockState FollowingBlock::take() {
    state_.splats = fresh_.splats();
    return std::move(state_);
}

}  // namespace gsz
