#include "decoder.hpp"

#include "parallel.hpp"

namespace gsz {

void decode_blocks(const Params &p, const AnchorNetworks *networks, const std::vector<int> &lowest_class, const std::vector<BlockLayout> &blocks, const SceneArrays &out, int threads) {
    const size_t coefficients = 3 * (1 + static_cast<size_t>(p.sh_rest));
    parallel_for(blocks.size(), threads, [&](size_t b) {
        const BlockLayout &block = blocks[b];
        BlockDecoder decoder(p, networks, lowest_class, b);
        size_t layers = 0;
        for (; layers < block.geometry.size() && block.geometry[layers].data; ++layers) decoder.decode_geometry(block.geometry[layers]);
        auto give = [&](size_t i, const int *symbols) {
            const size_t row = block.first + i;
            float *sh = out.sh + coefficients * row;
            reconstruct_geometry(p, decoder.splats()[i], out.means + 3 * row, out.quats + 4 * row, out.log_scales + 3 * row, out.opacity_logits + row, sh);
            reconstruct_harmonics(p, decoder.splats()[i], symbols, sh + 3);
        };
        size_t described = 0;
        for (size_t l = 0; l < layers && l < block.sh.size() && block.sh[l].data; ++l) {
            decoder.decode_harmonics(block.sh[l], give);
            described += block.sh[l].splats;
        }
        for (size_t i = described; i < decoder.splats().size(); ++i) give(i, nullptr);
    });
}

}  // namespace gsz
