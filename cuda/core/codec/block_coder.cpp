#include "block_coder.hpp"

namespace gsz {

template <class IO>
void BlockCoder::layer(IO &io, int lowest_class, std::vector<uint64_t> &codes, size_t count, const Target *targets, Statistics *stats) {
    if constexpr (std::is_same_v<IO, EncodeIO>) io.bits = stats ? &stats->bits[Statistics::OCTREE] : nullptr;
    octree_.code(io, p_.depth, count, codes, earlier_);
    splats_.reserve(count);
    for (size_t i = 0; i < count; ++i) {
        if (i + 8 < count) splats_.expect(codes[i + 4], codes[i + 8]);
        Splat s;
        s.code = codes[i];
        splats_.code(io, layers_, lowest_class, s, nullptr, targets ? targets + i : nullptr, stats);
        if constexpr (std::is_same_v<IO, DecodeIO>) io.check();
    }
    std::vector<uint64_t> merged(earlier_.size() + codes.size());
    std::merge(earlier_.begin(), earlier_.end(), codes.begin(), codes.end(), merged.begin());
    earlier_.swap(merged);
    ++layers_;
}

std::vector<uint8_t> BlockCoder::encode_layer(int lowest_class, const std::vector<uint64_t> &codes, const Target *targets, Statistics *stats) {
    EncodeIO io;
    std::vector<uint64_t> copy = codes;
    layer(io, lowest_class, copy, codes.size(), targets, stats);
    return io.coder.finish();
}

void BlockCoder::decode_layer(int lowest_class, size_t count, const uint8_t *data, size_t size) {
    DecodeIO io{RangeDecoder(data, size)};
    std::vector<uint64_t> codes;
    layer(io, lowest_class, codes, count, nullptr, nullptr);
    io.check_end();
}

std::vector<uint8_t> SplatBlock::encode_sh(size_t first, size_t count, const float *coefficients, const double *weights, Statistics *stats) {
    EncodeIO io;
    io.bits = stats ? &stats->bits[Statistics::SH] : nullptr;
    for (size_t i = 0; i < count; ++i) {
        const Splat &s = splats_.splats()[first + i];
        const ShTarget t{coefficients + i * p_.sh_components, weights[i]};
        Cell &cell = splats_.fine_cell(s.code);
        sh_.code(io, s, cell.sh_count, cell.count, &t);
    }
    return io.coder.finish();
}

namespace {

template <class Sum>
void harmonics(const Params &p, const int *symbols, int width, double unit, float *out) {
    Sum sums[45] = {};
    for (int k = 0; symbols && k < p.sh_components; ++k) {
        if (symbols[k] == 0) continue;
        const Sum symbol = static_cast<Sum>(symbols[k]);
        const float *row = &p.sh_basis[static_cast<size_t>(k) * width];
        for (int i = 0; i < width; ++i) sums[i] += symbol * row[i];
    }
    for (int i = 0; i < width; ++i) out[i] = static_cast<float>(sums[i] * unit);
}

void reconstruct_mean(const Params &p, const Splat &s, const double axes[3][3], double *mean) {
    const std::array<int, 3> steps = position_steps(p, s);
    const double octaves[3] = {static_cast<double>(steps[0]) / FIXED_ONE, static_cast<double>(steps[1]) / FIXED_ONE, static_cast<double>(steps[2]) / FIXED_ONE};
    double local[3];
    det_exp2_3(octaves, local);
    for (int i = 0; i < 3; ++i) local[i] = s.offset[i] * local[i];
    for (int k = 0; k < 3; ++k) mean[k] = base_position(p, s, k) + (axes[0][k] * local[0] + axes[1][k] * local[1] + axes[2][k] * local[2]);
}

}  // namespace

void reconstruct_mean(const Params &p, const Splat &s, double *mean) {
    double axes[3][3];
    rotation_axes(s.rotation, axes);
    reconstruct_mean(p, s, axes, mean);
}

void reconstruct_geometry(const Params &p, const Splat &s, float *mean, float *quat, float *log_scale, float *opacity_logit, float *colour) {
    double axes[3][3], exact[3];
    rotation_axes(s.rotation, axes);
    reconstruct_mean(p, s, axes, exact);
    for (int k = 0; k < 3; ++k) mean[k] = static_cast<float>(exact[k]);
    for (int i = 0; i < 3; ++i) log_scale[i] = static_cast<float>(s.value[i] * (LN2 / FIXED_ONE));
    // Quaternion of the matrix whose columns are the axes: the largest of the four first.
    const double m00 = axes[0][0], m11 = axes[1][1], m22 = axes[2][2];
    const double sum[4] = {1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22};
    int big = 0;
    for (int i = 1; i < 4; ++i)
        if (sum[i] > sum[big]) big = i;
    const double root = std::sqrt(sum[big]), scale = 0.5 / root;
    const double dx = axes[1][2] - axes[2][1], dy = axes[2][0] - axes[0][2], dz = axes[0][1] - axes[1][0];
    const double sxy = axes[0][1] + axes[1][0], sxz = axes[0][2] + axes[2][0], syz = axes[1][2] + axes[2][1];
    double q[4];
    if (big == 0) { q[0] = 0.5 * root; q[1] = dx * scale; q[2] = dy * scale; q[3] = dz * scale; }
    else if (big == 1) { q[0] = dx * scale; q[1] = 0.5 * root; q[2] = sxy * scale; q[3] = sxz * scale; }
    else if (big == 2) { q[0] = dy * scale; q[1] = sxy * scale; q[2] = 0.5 * root; q[3] = syz * scale; }
    else { q[0] = dz * scale; q[1] = sxz * scale; q[2] = syz * scale; q[3] = 0.5 * root; }
    for (int i = 0; i < 4; ++i) quat[i] = static_cast<float>(q[i]);
    // Opacity: log2 o to ln(o / (1 - o)); o stays below 1.
    const int lo = s.value[3] > -1 ? -1 : s.value[3];
    const double ln_o = lo * (LN2 / FIXED_ONE);
    *opacity_logit = static_cast<float>(ln_o - det_log(1.0 - det_exp(ln_o)));
    // Colour: from the rotated axes (grey, red - blue, green) back to channels.
    const double a = s.value[4] * (0.57735026918962576 / FIXED_ONE), b = s.value[5] * (0.70710678118654752 / FIXED_ONE), c = s.value[6] * (0.40824829046386302 / FIXED_ONE);
    colour[0] = static_cast<float>(a + b + c);
    colour[1] = static_cast<float>(a - 2.0 * c);
    colour[2] = static_cast<float>(a - b + c);
}

void reconstruct_harmonics(const Params &p, const Splat &s, const int *sh_symbols, float *rest) {
    const int width = 3 * p.sh_rest;
    // Sums of products of integers. Floats hold them exactly as long as every symbol is this small (2^11 2^7 45 < 2^24),
    // which it nearly always is; doubles do in any case.
    bool small = true;
    for (int k = 0; sh_symbols && k < p.sh_components; ++k) small &= sh_symbols[k] > -(1 << 11) && sh_symbols[k] < (1 << 11);
    const double unit = static_cast<double>(p.step[STEP_SH][s.color_class]) / (127.0 * FIXED_ONE);
    if (small) harmonics<float>(p, sh_symbols, width, unit, rest);
    else harmonics<double>(p, sh_symbols, width, unit, rest);
}

}  // namespace gsz
