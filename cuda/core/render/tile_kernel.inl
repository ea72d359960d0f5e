// Blending of one tile, the inner loops of the rasteriser. Included once for every instruction set, each time inside
// an unnamed namespace: nothing here may have external linkage and nothing of the standard library may be instantiated,
// or the linker could pick a copy compiled for instructions that the machine does not have.
//
// Rows of kTile pixels with a fixed trip count and selects instead of branches: compilers turn each loop into vectors.

// 2^x for x in [-126, 0], relative error 2e-7: 2^n 2^f with n an integer, f in [-1/2, 1/2] and 2^f by Taylor.
inline float exp2_nonpositive(float x) {
    const float shifted = x + 12582912.0f;  // 1.5 * 2^23: the sum's last bits hold the nearest integer
    std::int32_t bits;
    __builtin_memcpy(&bits, &shifted, 4);
    const float f = x - (shifted - 12582912.0f);
    float p = 1.5403530e-4f;
    p = p * f + 1.3333558e-3f;
    p = p * f + 9.6181291e-3f;
    p = p * f + 5.5504109e-2f;
    p = p * f + 2.4022651e-1f;
    p = p * f + 6.9314718e-1f;
    p = p * f + 1.0f;
    std::int32_t out;
    __builtin_memcpy(&out, &p, 4);
    out += (bits - 0x4B400000) << 23;
    __builtin_memcpy(&p, &out, 4);
    return p;
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

// Opacity of a splat at a row of pixels, 0 below kMinAlpha. Returns false, and leaves `alpha`, where no pixel that is
// still open (live > 0) gets any. dx0, dy: from the splat's centre to the row's first pixel centre.
inline bool row_alpha(const Splat &splat, float dx0, float dy, const float *__restrict live, float *__restrict alpha) {
    const float shear = splat.b * dy, base = splat.log2_opacity - splat.c * dy * dy;
    alignas(64) float power[kTile];
    std::int32_t any = 0;
    for (int l = 0; l < kTile; ++l) {
        const float dx = dx0 + static_cast<float>(l);
        const float p = base - dx * (splat.a * dx + shear);
        power[l] = p < splat.log2_opacity ? p : splat.log2_opacity;  // rounding may make the form negative
        any |= static_cast<std::int32_t>(p >= kLog2MinAlpha - 1e-3f) & static_cast<std::int32_t>(live[l] > 0.0f);
    }
    if (!any) return false;
    for (int l = 0; l < kTile; ++l) {
        const float value = exp2_nonpositive(power[l] > -16.0f ? power[l] : -16.0f);
        const float clipped = value < kMaxAlpha ? value : kMaxAlpha;
        alpha[l] = clipped >= kMinAlpha ? clipped : 0.0f;
    }
    return true;
}

// True while any of the tile's pixels is open.
inline bool any_open(const float *live) {
    std::int32_t any = 0;
    for (int i = 0; i < kTilePixels; ++i) any |= static_cast<std::int32_t>(live[i] > 0.0f);
    return any;
}

constexpr std::uint32_t kCheckEvery = 32;  // splats between two looks whether the tile is finished

void blend_tile(const TileTask &task, TilePixels &out) {
    alignas(64) float live[kTilePixels];  // transmittance of open pixels, 0 for finished ones
    alignas(64) float alpha[kTile];
    for (int i = 0; i < kTilePixels; ++i) {
        live[i] = 1.0f;
        out.transmittance[i] = 0.0f;
        out.rgb[0][i] = out.rgb[1][i] = out.rgb[2][i] = 0.0f;
        out.end[i] = 0;
    }
    for (std::uint32_t position = task.begin; position < task.end; ++position) {
        if ((position - task.begin) % kCheckEvery == kCheckEvery - 1 && !any_open(live)) break;
        const Splat splat = task.splats[task.ids[position]];
        const Rows rows = rows_of(splat, task.y);
        const float dx0 = static_cast<float>(task.x) + 0.5f - splat.x;
        for (int row = rows.first; row <= rows.last; ++row) {
            const int at = row * kTile;
            const float dy = static_cast<float>(task.y + row) + 0.5f - splat.y;
            if (!row_alpha(splat, dx0, dy, live + at, alpha)) continue;
            float *__restrict open = live + at, *__restrict done = out.transmittance + at;
            float *__restrict red = out.rgb[0] + at, *__restrict green = out.rgb[1] + at;
            float *__restrict blue = out.rgb[2] + at;
            std::uint32_t *__restrict end = out.end + at;
            for (int l = 0; l < kTile; ++l) {
                const float before = open[l], after = before * (1.0f - alpha[l]);
                const bool goes_on = after > kMinTransmittance;
                const float weight = goes_on ? alpha[l] * before : 0.0f;
                done[l] = goes_on || done[l] > before ? done[l] : before;
                open[l] = goes_on ? after : 0.0f;
                end[l] = weight > 0.0f ? position + 1 : end[l];
                red[l] += weight * splat.rgb[0];
                green[l] += weight * splat.rgb[1];
                blue[l] += weight * splat.rgb[2];
            }
        }
    }
    for (int i = 0; i < kTilePixels; ++i)
        out.transmittance[i] = out.transmittance[i] > live[i] ? out.transmittance[i] : live[i];
}

// One lane per column; summed at the end, so that the order of additions is fixed.
struct Lanes {
    alignas(64) float weight[kTile], weight_sq[kTile], weight_max[kTile], energy[kTile], pixels[kTile];
};

inline float sum(const float *lanes) {
    float total = 0.0f;
    for (int l = 0; l < kTile; ++l) total += lanes[l];
    return total;
}

// One row of the second walk. `seen` is the colour blended so far, `whole` the finished one. The derivative of the
// image by this splat's alpha is T c - (whole - seen_after) / (1 - alpha); times alpha it is what `energy` squares.
inline void measure_row(const Splat &splat, const float *__restrict alpha, float *__restrict live,
                        float *__restrict seen, const float *__restrict whole, Lanes &sums) {
    constexpr int kPlane = kTilePixels;
    for (int l = 0; l < kTile; ++l) {
        const float before = live[l], after = before * (1.0f - alpha[l]);
        const bool goes_on = after > kMinTransmittance;
        const float weight = goes_on ? alpha[l] * before : 0.0f;
        const float odds = alpha[l] / (1.0f - alpha[l]);
        live[l] = goes_on ? after : 0.0f;
        float energy = 0.0f;
        for (int channel = 0; channel < 3; ++channel) {
            const float own = weight * splat.rgb[channel];
            const float so_far = seen[channel * kPlane + l] + own;
            seen[channel * kPlane + l] = so_far;
            const float change = own - odds * (whole[channel * kPlane + l] - so_far);
            energy += change * change;
        }
        sums.weight[l] += weight;
        sums.weight_sq[l] += weight * weight;
        sums.weight_max[l] = sums.weight_max[l] > weight ? sums.weight_max[l] : weight;
        sums.energy[l] += weight > 0.0f ? energy : 0.0f;
        sums.pixels[l] += weight > 0.0f ? 1.0f : 0.0f;
    }
}

// width, height: how much of the tile lies in the image. partials: of the task's first intersection.
void measure_tile(const TileTask &task, const TilePixels &pixels, int width, int height, Partial *partials) {
    alignas(64) float live[kTilePixels], seen[3 * kTilePixels], alpha[kTile];
    for (int i = 0; i < kTilePixels; ++i) {
        live[i] = i % kTile < width && i / kTile < height ? 1.0f : 0.0f;  // pixels outside count for nothing
        seen[i] = seen[kTilePixels + i] = seen[2 * kTilePixels + i] = 0.0f;
    }
    for (std::uint32_t position = task.begin; position < task.end; ++position) {
        if ((position - task.begin) % kCheckEvery == kCheckEvery - 1 && !any_open(live)) break;
        const Splat splat = task.splats[task.ids[position]];
        const Rows rows = rows_of(splat, task.y);
        const float dx0 = static_cast<float>(task.x) + 0.5f - splat.x;
        Lanes sums = {};
        bool touched = false;
        for (int row = rows.first; row <= rows.last; ++row) {
            const int at = row * kTile;
            const float dy = static_cast<float>(task.y + row) + 0.5f - splat.y;
            if (!row_alpha(splat, dx0, dy, live + at, alpha)) continue;
            measure_row(splat, alpha, live + at, seen + at, pixels.rgb[0] + at, sums);
            touched = true;
        }
        if (!touched) continue;
        Partial &out = partials[position - task.begin];
        out.weight = sum(sums.weight), out.weight_sq = sum(sums.weight_sq);
        out.energy = sum(sums.energy), out.pixels = sum(sums.pixels);
        out.weight_max = 0.0f;
        for (int l = 0; l < kTile; ++l)
            out.weight_max = out.weight_max > sums.weight_max[l] ? out.weight_max : sums.weight_max[l];
    }
}
