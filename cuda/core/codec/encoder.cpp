#include "encoder.hpp"

namespace gsz {

std::vector<EncodedBlock> encode_blocks(const Params &p, const std::vector<int> &lowest_class, const std::vector<BlockInput> &blocks, const EncodeInput &in, int threads, Statistics *stats) {
    std::vector<EncodedBlock> out(blocks.size());
    std::vector<Statistics> partial(stats ? blocks.size() : 0);
    parallel(blocks.size(), threads, [&](size_t b) {
        const BlockInput &block = blocks[b];
        Statistics *s = stats ? &partial[b] : nullptr;
        BlockCoder coder(p);
        size_t at = block.first;
        for (size_t l = 0; l < block.layer_counts.size(); ++l) {
            const size_t n = block.layer_counts[l];
            std::vector<uint64_t> codes(in.codes + at, in.codes + at + n);
            std::vector<Target> targets(n);
            for (size_t i = 0; i < n; ++i) {
                Target &t = targets[i];
                const size_t k = at + i;
                std::copy_n(in.values + k * SCALARS, SCALARS, t.value.begin());
                std::copy_n(in.axes + k * 9, 9, &t.axes[0][0]);
                std::copy_n(in.means + k * 3, 3, t.mean);
                t.geometry_weight = in.weights[2 * k];
                t.color_weight = in.weights[2 * k + 1];
                t.geometry_class = in.classes[2 * k];
                t.color_class = in.classes[2 * k + 1];
            }
            out[b].geometry.push_back(coder.encode_layer(lowest_class[l], codes, targets.data(), s));
            at += n;
        }
        if (p.sh_components) {
            at = 0;
            for (size_t l = 0; l < block.layer_counts.size(); ++l) {
                const size_t n = block.layer_counts[l];
                std::vector<double> weights(n);
                for (size_t i = 0; i < n; ++i) weights[i] = in.weights[2 * (block.first + at + i) + 1];
                out[b].sh.push_back(coder.encode_sh(at, n, in.sh + (block.first + at) * p.sh_components, weights.data(), s));
                at += n;
            }
            out[b].components_used = coder.components_used();
        }
    });
    if (stats)
        for (const Statistics &s : partial) {
            for (size_t g = 0; g < s.bits.size(); ++g) stats->bits[g] += s.bits[g];
            for (int j = 0; j < SCALARS; ++j)
                for (int a = 0; a <= FEATURES; ++a)
                    for (int b = 0; b <= FEATURES; ++b) stats->normal[j][a][b] += s.normal[j][a][b];
        }
    return out;
}

}  // namespace gsz
