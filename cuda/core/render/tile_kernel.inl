// Blending of one tile, the inner loops of the rasteriser. Included once for every instruction set, each time inside
// an unnamed namespace: nothing here may have external linkage and nothing of the standard library may be instantiated,
// or the linker could pick a copy compiled for instructions that the machine does not have.
//
// Written in the vector types that GCC and Clang share, which become AVX2, SSE2, NEON or WASM SIMD alike; loops over
// float arrays that looked vectorisable came out scalar.

#if defined(__AVX512F__)
#define GSZ_LANES 16
#elif defined(__AVX2__)
#define GSZ_LANES 8
#else
#define GSZ_LANES 4
#endif
constexpr int kLanes = GSZ_LANES;
typedef float Float __attribute__((vector_size(4 * GSZ_LANES), may_alias));
typedef std::int32_t Int __attribute__((vector_size(4 * GSZ_LANES), may_alias));  // also masks: all bits or none
typedef std::int64_t Wide __attribute__((vector_size(4 * GSZ_LANES), may_alias));

inline Float &at(float *p) { return *reinterpret_cast<Float *>(p); }
inline const Float &at(const float *p) { return *reinterpret_cast<const Float *>(p); }
inline Int &at(std::uint32_t *p) { return *reinterpret_cast<Int *>(p); }
inline Float splatter(float x) { return Float{} + x; }
inline Float smaller(Float a, float b) { return a < b ? a : splatter(b); }
inline Float larger(Float a, float b) { return a > b ? a : splatter(b); }
inline Float where(Int mask, Float a) { return reinterpret_cast<Float>(mask & reinterpret_cast<Int>(a)); }

inline bool any(Int mask) {
#if defined(__AVX512F__)
    return _mm512_test_epi32_mask(reinterpret_cast<__m512i>(mask), reinterpret_cast<__m512i>(mask)) != 0;
#elif defined(__AVX2__)
    return _mm256_movemask_ps(reinterpret_cast<__m256>(mask)) != 0;
#else
    const Wide wide = reinterpret_cast<Wide>(mask);
    std::int64_t bits = wide[0] | wide[1];
    for (int i = 2; i < kLanes / 2; ++i) bits |= wide[i];
    return bits != 0;
#endif
}

// 2^x for x in [-126, 0], relative error 2e-7: 2^n 2^f with n an integer, f in [-1/2, 1/2] and 2^f by Taylor.
inline Float exp2_nonpositive(Float x) {
    const Float shifted = x + 12582912.0f;  // 1.5 * 2^23: the sum's last bits hold the nearest integer
    const Float f = x - (shifted - 12582912.0f);
    Float p = 1.5403530e-4f * f + 1.3333558e-3f;
    p = p * f + 9.6181291e-3f;
    p = p * f + 5.5504109e-2f;
    p = p * f + 2.4022651e-1f;
    p = p * f + 6.9314718e-1f;
    p = p * f + 1.0f;
    return reinterpret_cast<Float>(reinterpret_cast<Int>(p) + (reinterpret_cast<Int>(shifted) << 23));
}

// A splat as one row of pixels sees it.
struct Row {
    float shear, base, dx0;  // dx0: from the splat's centre to the row's first pixel centre
};

inline Row row_of(const Splat &splat, const TileTask &task, int row) {
    const float dy = static_cast<float>(task.y + row) + 0.5f - splat.y;
    return {splat.b * dy, splat.log2_opacity - splat.c * dy * dy, static_cast<float>(task.x) + 0.5f - splat.x};
}

// Opacity at kLanes pixels from `column` on, 0 below kMinAlpha. Returns false, and leaves `alpha`, where no pixel that
// is still open (live > 0) gets any.
inline bool alphas(const Splat &splat, const Row &row, int column, Float live, Float &alpha) {
    Float dx;
    for (int l = 0; l < kLanes; ++l) dx[l] = static_cast<float>(l);
    dx += row.dx0 + static_cast<float>(column);
    const Float power = row.base - dx * (splat.a * dx + row.shear);
    if (!any((power >= kLog2MinAlpha - 1e-3f) & (live > 0.0f))) return false;
    // Rounding may make the quadratic form negative, hence the cap by the opacity itself.
    const Float value = smaller(exp2_nonpositive(larger(smaller(power, splat.log2_opacity), -16.0f)), kMaxAlpha);
    alpha = where(value >= kMinAlpha, value);
    return true;
}

// The rows of a tile that a splat's box touches.
struct Rows {
    int first, last;
};
inline Rows rows_of(const Splat &splat, int y) {
    const float low = splat.y - splat.extent_y - 0.51f - static_cast<float>(y);
    const float high = splat.y + splat.extent_y - 0.49f - static_cast<float>(y);
    return {low <= 0.0f ? 0 : low < kTile ? static_cast<int>(low) : kTile,
            high < 0.0f ? -1 : high < kTile ? static_cast<int>(high) : kTile - 1};
}

// Every kCheckEvery splats: whether all of the tile's pixels have ended.
constexpr std::uint32_t kCheckEvery = 32;
inline bool finished(std::uint32_t position, const float *live) {
    if (position % kCheckEvery != 0) return false;
    Int open = {};
    for (int i = 0; i < kTilePixels; i += kLanes) open |= at(live + i) > 0.0f;
    return !any(open);
}

void blend_tile(const TileTask &task, TilePixels &out) {
    alignas(64) float live[kTilePixels];  // transmittance of open pixels, 0 for ended ones
    for (int i = 0; i < kTilePixels; ++i) live[i] = 1.0f;
    __builtin_memset(&out, 0, sizeof out);
    for (std::uint32_t position = task.begin; position < task.end && !finished(position, live); ++position) {
        const Splat splat = task.splats[task.ids[position]];
        const Rows rows = rows_of(splat, task.y);
        for (int y = rows.first; y <= rows.last; ++y) {
            const Row row = row_of(splat, task, y);
            for (int x = 0; x < kTile; x += kLanes) {
                const int i = y * kTile + x;
                const Float before = at(live + i);
                Float alpha;
                if (!alphas(splat, row, x, before, alpha)) continue;
                const Float after = before * (1.0f - alpha);
                const Int goes_on = after > kMinTransmittance;
                const Float weight = where(goes_on, alpha * before);
                Float &left = at(out.transmittance + i);
                left = (goes_on | (left > before)) ? left : before;
                at(live + i) = where(goes_on, after);
                Int &end = at(out.end + i);
                end = weight > 0.0f ? Int{} + static_cast<std::int32_t>(position + 1) : end;
                for (int channel = 0; channel < 3; ++channel) at(out.rgb[channel] + i) += weight * splat.rgb[channel];
            }
        }
    }
    for (int i = 0; i < kTilePixels; i += kLanes) {
        Float &left = at(out.transmittance + i);
        left = left > at(live + i) ? left : at(live + i);
    }
}

// One lane per column modulo kLanes.
struct Sums {
    Float weight, weight_sq, weight_max, energy;
    Int pixels;
};

inline Partial total(const Sums &sums) {
    Partial out = {};
    for (int l = 0; l < kLanes; ++l) {
        out.weight += sums.weight[l];
        out.weight_sq += sums.weight_sq[l];
        out.weight_max = out.weight_max > sums.weight_max[l] ? out.weight_max : sums.weight_max[l];
        out.energy += sums.energy[l];
        out.pixels -= static_cast<float>(sums.pixels[l]);  // a mask counts as -1
    }
    return out;
}

// The derivative of the image by this splat's alpha is T c - (whole - seen) / (1 - alpha), with `whole` the finished
// colour and `seen` the one blended up to here, this splat included; times alpha it is what `energy` squares.
// width, height: how much of the tile lies in the image. partials: of the task's first intersection.
void measure_tile(const TileTask &task, const TilePixels &pixels, int width, int height, Partial *partials) {
    alignas(64) float live[kTilePixels], seen[3][kTilePixels];
    for (int i = 0; i < kTilePixels; ++i)
        live[i] = i % kTile < width && i / kTile < height ? 1.0f : 0.0f;  // pixels outside count for nothing
    __builtin_memset(seen, 0, sizeof seen);
    for (std::uint32_t position = task.begin; position < task.end && !finished(position, live); ++position) {
        const Splat splat = task.splats[task.ids[position]];
        const Rows rows = rows_of(splat, task.y);
        Sums sums = {};
        bool touched = false;
        for (int y = rows.first; y <= rows.last; ++y) {
            const Row row = row_of(splat, task, y);
            for (int x = 0; x < kTile; x += kLanes) {
                const int i = y * kTile + x;
                const Float before = at(live + i);
                Float alpha;
                if (!alphas(splat, row, x, before, alpha)) continue;
                touched = true;
                const Float through = 1.0f - alpha, after = before * through, odds = alpha / through;
                const Int goes_on = after > kMinTransmittance;
                const Float weight = where(goes_on, alpha * before);
                at(live + i) = where(goes_on, after);
                Float energy = {};
                for (int channel = 0; channel < 3; ++channel) {
                    const Float own = weight * splat.rgb[channel], so_far = at(seen[channel] + i) + own;
                    const Float change = own - odds * (at(pixels.rgb[channel] + i) - so_far);
                    at(seen[channel] + i) = so_far;
                    energy += change * change;
                }
                const Int used = weight > 0.0f;
                sums.weight += weight;
                sums.weight_sq += weight * weight;
                sums.weight_max = sums.weight_max > weight ? sums.weight_max : weight;
                sums.energy += where(used, energy);
                sums.pixels += used;
            }
        }
        if (touched) partials[position - task.begin] = total(sums);
    }
}

// What `error` (wanted minus rendered colour, 0 outside the image) asks of every splat: the sums of weight * error, of
// weight, of error * (alpha dI/dalpha) and of (alpha dI/dalpha)^2.
void pull_tile(const TileTask &task, const TilePixels &pixels, const float (*error)[kTilePixels], Pull *pulls) {
    alignas(64) float live[kTilePixels], seen[3][kTilePixels];
    for (int i = 0; i < kTilePixels; ++i) live[i] = 1.0f;
    __builtin_memset(seen, 0, sizeof seen);
    for (std::uint32_t position = task.begin; position < task.end && !finished(position, live); ++position) {
        const Splat splat = task.splats[task.ids[position]];
        const Rows rows = rows_of(splat, task.y);
        Float color[3] = {}, weights = {}, opacity = {}, energy = {};
        bool touched = false;
        for (int y = rows.first; y <= rows.last; ++y) {
            const Row row = row_of(splat, task, y);
            for (int x = 0; x < kTile; x += kLanes) {
                const int i = y * kTile + x;
                const Float before = at(live + i);
                Float alpha;
                if (!alphas(splat, row, x, before, alpha)) continue;
                touched = true;
                const Float through = 1.0f - alpha, after = before * through, odds = alpha / through;
                const Int goes_on = after > kMinTransmittance;
                const Float weight = where(goes_on, alpha * before);
                at(live + i) = where(goes_on, after);
                const Int used = weight > 0.0f;
                weights += weight;
                for (int channel = 0; channel < 3; ++channel) {
                    const Float own = weight * splat.rgb[channel], so_far = at(seen[channel] + i) + own;
                    const Float change = where(used, own - odds * (at(pixels.rgb[channel] + i) - so_far));
                    at(seen[channel] + i) = so_far;
                    color[channel] += weight * at(error[channel] + i);
                    opacity += change * at(error[channel] + i);
                    energy += change * change;
                }
            }
        }
        if (!touched) continue;
        Pull &out = pulls[position - task.begin];
        out = {};
        for (int l = 0; l < kLanes; ++l) {
            for (int channel = 0; channel < 3; ++channel) out.color[channel] += color[channel][l];
            out.weight += weights[l];
            out.opacity += opacity[l];
            out.energy += energy[l];
        }
    }
}

// Derivatives of a loss by every splat, from its derivatives `planes` by the tile's red, green, blue and final transmittance
// (all 0 outside the image). A splat's alpha scales its own colour, and by 1 / (1 - alpha) what lies behind it.
void gradient_tile(const TileTask &task, const TilePixels &pixels, const float (*planes)[kTilePixels], Gradient *gradients) {
    alignas(64) float live[kTilePixels], behind[kTilePixels];  // behind: planes . (what is still to come, background included)
    for (int i = 0; i < kTilePixels; ++i) live[i] = 1.0f;
    for (int i = 0; i < kTilePixels; i += kLanes) {
        Float sum = at(planes[3] + i) * at(pixels.transmittance + i);
        for (int channel = 0; channel < 3; ++channel) sum += at(planes[channel] + i) * at(pixels.rgb[channel] + i);
        at(behind + i) = sum;
    }
    for (std::uint32_t position = task.begin; position < task.end && !finished(position, live); ++position) {
        const Splat splat = task.splats[task.ids[position]];
        const Rows rows = rows_of(splat, task.y);
        Float color[3] = {}, by_log2 = {}, by_dx = {}, by_dxdx = {}, by_dy = {}, by_dxdy = {}, by_dydy = {};
        bool touched = false;
        for (int y = rows.first; y <= rows.last; ++y) {
            const Row row = row_of(splat, task, y);
            const float dy = static_cast<float>(task.y + y) + 0.5f - splat.y;
            Float in_row = {}, in_row_dx = {}, in_row_dxdx = {};
            for (int x = 0; x < kTile; x += kLanes) {
                const int i = y * kTile + x;
                const Float before = at(live + i);
                Float alpha;
                if (!alphas(splat, row, x, before, alpha)) continue;
                touched = true;
                const Float through = 1.0f - alpha, after = before * through;
                const Int goes_on = after > kMinTransmittance;
                const Float weight = where(goes_on, alpha * before);
                at(live + i) = where(goes_on, after);
                Float own = {};
                for (int channel = 0; channel < 3; ++channel) {
                    color[channel] += weight * at(planes[channel] + i);
                    own += at(planes[channel] + i) * splat.rgb[channel];
                }
                own *= weight;
                const Float rest = at(behind + i) - own;
                at(behind + i) = rest;
                const Int bends = (weight > 0.0f) & (alpha < kMaxAlpha);  // not cut: it follows its exponent
                const Float by_exponent = where(bends, own - alpha / through * rest);  // alpha dL/dalpha
                Float dx;
                for (int l = 0; l < kLanes; ++l) dx[l] = static_cast<float>(l);
                dx += row.dx0 + static_cast<float>(x);
                in_row += by_exponent;
                in_row_dx += by_exponent * dx;
                in_row_dxdx += by_exponent * dx * dx;
            }
            by_log2 += in_row;
            by_dx += in_row_dx;
            by_dxdx += in_row_dxdx;
            by_dy += in_row * dy;
            by_dxdy += in_row_dx * dy;
            by_dydy += in_row * (dy * dy);
        }
        if (!touched) continue;
        constexpr float kLn2 = 0.69314718f;
        float sum = 0, dx = 0, dy = 0, dxdx = 0, dxdy = 0, dydy = 0;
        Gradient &out = gradients[position - task.begin];
        out = {};
        for (int l = 0; l < kLanes; ++l) {
            sum += by_log2[l], dx += by_dx[l], dy += by_dy[l];
            dxdx += by_dxdx[l], dxdy += by_dxdy[l], dydy += by_dydy[l];
            for (int channel = 0; channel < 3; ++channel) out.rgb[channel] += color[channel][l];
        }
        out.log2_opacity = kLn2 * sum;
        out.a = -kLn2 * dxdx, out.b = -kLn2 * dxdy, out.c = -kLn2 * dydy;
        out.x = kLn2 * (2 * splat.a * dx + splat.b * dy);
        out.y = kLn2 * (splat.b * dx + 2 * splat.c * dy);
    }
}
