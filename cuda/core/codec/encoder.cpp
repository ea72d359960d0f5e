#include "encoder.hpp"

#include "parallel.hpp"

namespace gsz {

Target target_of(const EncodeInput &in, size_t row) {
    Target t;
    std::copy_n(in.values + row * SCALARS, SCALARS, t.value.begin());
    std::copy_n(in.axes + row * 9, 9, &t.axes[0][0]);
    std::copy_n(in.means + row * 3, 3, t.mean);
    t.geometry_weight = in.weights[2 * row];
    t.color_weight = in.weights[2 * row + 1];
    t.geometry_class = in.classes[2 * row];
    t.color_class = in.classes[2 * row + 1];
    return t;
}

namespace {

std::vector<Target> targets_of(const EncodeInput &in, size_t first, size_t count) {
    std::vector<Target> targets;
    for (size_t i = 0; i < count; ++i) targets.push_back(target_of(in, first + i));
    return targets;
}

void encode_harmonics(const Params &p, SplatBlock &coder, const BlockInput &block, const EncodeInput &in, EncodedBlock &out, Statistics *stats) {
    if (!p.sh_components) return;
    size_t at = 0;
    for (size_t n : block.layer_counts) {
        std::vector<double> weights(n);
        for (size_t i = 0; i < n; ++i) weights[i] = in.weights[2 * (block.first + at + i) + 1];
        out.sh.push_back(coder.encode_sh(at, n, in.sh + (block.first + at) * p.sh_components, weights.data(), stats));
        at += n;
    }
    out.components_used = coder.components_used();
}

void encode_layers(const Params &p, const std::vector<int> &lowest_class, const BlockInput &block, const EncodeInput &in, EncodedBlock &out, Statistics *stats) {
    BlockCoder coder(p);
    size_t at = block.first;
    for (size_t l = 0; l < block.layer_counts.size(); ++l) {
        const size_t n = block.layer_counts[l];
        const std::vector<uint64_t> codes(in.codes + at, in.codes + at + n);
        out.geometry.push_back(coder.encode_layer(lowest_class[l], codes, targets_of(in, at, n).data(), stats));
        at += n;
    }
    encode_harmonics(p, coder, block, in, out, stats);
}

void encode_anchors(const Params &p, int lowest_class, const BlockInput &block, const EncodeInput &in, const AnchorInput &anchors, EncodedBlock &out, Statistics *stats) {
    const AnchorNetworks &n = *anchors.networks;
    AnchorCoder coder(p, n);
    const size_t a = block.first_anchor, children = block.layer_counts[0];
    int16_t *inputs = anchors.inputs ? anchors.inputs + a * n.inputs(CHILDREN) : nullptr;
    int32_t *expected = anchors.expected ? anchors.expected + block.first * 2 * SCALARS : nullptr;
    const AnchorRows rows{anchors.codes + a, anchors.hyper + a * n.hyper, anchors.latent + a * n.latent, anchors.presence + a * n.slots, block.anchors, inputs, expected};
    out.geometry.push_back(coder.encode_anchors(lowest_class, rows, targets_of(in, block.first, children).data(), children, stats));
    encode_harmonics(p, coder, block, in, out, stats);
}

}  // namespace

std::vector<EncodedBlock> encode_blocks(const Params &p, const std::vector<int> &lowest_class, const std::vector<BlockInput> &blocks, const EncodeInput &in, const AnchorInput *anchors, int threads, Statistics *stats) {
    std::vector<EncodedBlock> out(blocks.size());
    std::vector<Statistics> partial(stats ? blocks.size() : 0);
    parallel_for(blocks.size(), threads, [&](size_t b) {
        Statistics *s = stats ? &partial[b] : nullptr;
        if (anchors) encode_anchors(p, lowest_class[0], blocks[b], in, *anchors, out[b], s);
        else encode_layers(p, lowest_class, blocks[b], in, out[b], s);
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
