#include "decoder.hpp"

namespace gsz {
namespace {

// Runs `work`, whose faults are those of one chunk.
template <class Work>
void named(const char *kind, size_t block, size_t layer, Work work) {
    try {
        work();
    } catch (const Fault &f) {
        throw ChunkFault(std::string(kind) + " of block " + std::to_string(block) + ", layer " + std::to_string(layer), f.what());
    }
}

// Harmonics and values of the splats that `coder` has decoded.
void finish(const Params &p, SplatBlock &coder, size_t b, const BlockLayout &block, const SceneArrays &out) {
    const size_t coefficients = 3 * (1 + static_cast<size_t>(p.sh_rest));
    auto give = [&](size_t i, const int *symbols) {
        const size_t row = block.first + i;
        reconstruct(p, coder.splats()[i], symbols, out.means + 3 * row, out.quats + 4 * row, out.log_scales + 3 * row, out.opacity_logits + row, out.sh + coefficients * row);
    };
    size_t done = 0;
    for (size_t l = 0; l < block.geometry.size() && block.geometry[l].data; ++l) {
        const size_t n = block.geometry[l].splats;
        if (l < block.sh.size() && block.sh[l].data)
            named("harmonics", b, l, [&] { coder.decode_sh(done, n, block.sh[l].data, block.sh[l].size, give); });
        else
            for (size_t i = done; i < done + n; ++i) give(i, nullptr);
        done += n;
    }
}

}  // namespace

void decode_blocks(const Params &p, const AnchorNetworks *networks, const std::vector<int> &lowest_class, const std::vector<BlockLayout> &blocks, const SceneArrays &out, int threads) {
    parallel(blocks.size(), threads, [&](size_t b) {
        const BlockLayout &block = blocks[b];
        if (networks) {
            AnchorCoder coder(p, *networks);
            if (!block.geometry.empty()) {
                const Chunk &c = block.geometry[0];
                named("anchors", b, 0, [&] { coder.decode_anchors(lowest_class[0], c.anchors, c.splats, c.data, c.size); });
            }
            finish(p, coder, b, block, out);
            return;
        }
        BlockCoder coder(p);
        for (size_t l = 0; l < block.geometry.size() && block.geometry[l].data; ++l) {
            const Chunk &c = block.geometry[l];
            named("geometry", b, l, [&] { coder.decode_layer(lowest_class[l], c.splats, c.data, c.size); });
        }
        finish(p, coder, b, block, out);
    });
}

}  // namespace gsz
