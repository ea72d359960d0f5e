#include "frames.hpp"

#include "parallel.hpp"

namespace gsz {
namespace {

void put(std::vector<uint8_t> &out, uint64_t v) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<uint8_t>(v >> (8 * i)));
}

uint32_t get(const uint8_t *p) { return p[0] | p[1] << 8 | p[2] << 16 | static_cast<uint32_t>(p[3]) << 24; }

std::string count_of(uint64_t n, const char *what) { return std::to_string(n) + " " + what; }

}  // namespace

size_t FrameState::splats() const {
    size_t n = 0;
    for (const BlockState &b : blocks) n += b.splats.size();
    return n;
}

FrameState key_frame(const uint8_t *data, size_t size, size_t max_splats, int threads) {
    File file = parse(data, size, false, max_splats);
    if (file.networks) fail(FormatFault::UNSUPPORTED, "sections", "splats by themselves in a key frame", "anchors");
    if (file.chunks != file.chunks_total) fail(FormatFault::TRUNCATED, "sections", count_of(file.chunks_total, "chunks in a key frame"), std::to_string(file.chunks));
    FrameState out;
    out.params = std::make_shared<const Params>(file.params);
    out.antialiased = file.antialiased;
    out.blocks.resize(file.blocks.size());
    const Params &p = *out.params;
    parallel_for(file.blocks.size(), threads, [&](size_t b) {
        BlockDecoder decoder(p, nullptr, file.lowest_class, b);
        for (const Chunk &c : file.blocks[b].geometry) decoder.decode_geometry(c);
        BlockState &state = out.blocks[b];
        for (const Chunk &c : file.blocks[b].sh) decoder.decode_harmonics(c, [&](size_t, const int *symbols) { state.sh.insert(state.sh.end(), symbols, symbols + p.sh_components); });
        state.splats = decoder.splats();
        for (const Splat &s : state.splats) state.places.push_back(place_of(p, s));
    });
    return out;
}

FrameState following_frame(const FrameState &before, const uint8_t *data, size_t size, size_t max_splats, int threads) {
    struct Entry {
        size_t splats, fresh;
        const uint8_t *geometry, *harmonics;
        size_t geometry_size, harmonics_size;
    };
    const size_t count = before.blocks.size(), head = count * FOLLOWING_ENTRY;
    if (size < head) fail(FormatFault::CORRUPT, "following.blocks", count_of(head, "bytes"), std::to_string(size));
    std::vector<Entry> entries;
    uint64_t at = head, splats = 0;
    for (size_t b = 0; b < count; ++b) {
        const uint8_t *p = data + b * FOLLOWING_ENTRY;
        const std::string name = "following.block " + std::to_string(b);
        Entry e{get(p), get(p + 4), nullptr, nullptr, get(p + 8), get(p + 12)};
        if (e.fresh > e.splats) fail(FormatFault::CORRUPT, name + ".fresh", "at most " + std::to_string(e.splats), std::to_string(e.fresh));
        const uint64_t most = before.blocks[b].splats.size() + MAX_SPLATS_PER_BYTE * (uint64_t{e.geometry_size} + 1);
        if (e.splats > most) fail(FormatFault::CORRUPT, name + ".splats", "at most " + std::to_string(most), std::to_string(e.splats));
        if (at + e.geometry_size + e.harmonics_size > size) fail(FormatFault::CORRUPT, name + ".size", "at most " + count_of(size - at, "bytes"), count_of(uint64_t{e.geometry_size} + e.harmonics_size, "bytes"));
        e.geometry = data + at;
        e.harmonics = e.geometry + e.geometry_size;
        at += e.geometry_size + e.harmonics_size;
        splats += e.splats;
        entries.push_back(e);
    }
    if (at != size) fail(FormatFault::CORRUPT, "following", count_of(at, "bytes"), count_of(size, "bytes"));
    if (splats > max_splats) fail(FormatFault::UNSUPPORTED, "following.splats", "at most " + std::to_string(max_splats), std::to_string(splats));
    FrameState out{before.params, before.antialiased, {}};
    out.blocks.resize(count);
    parallel_for(count, threads, [&](size_t b) {
        const Entry &e = entries[b];
        FollowingBlock block(*before.params, before.blocks[b]);
        const std::string where = " of block " + std::to_string(b);
        in_stream("following geometry" + where, [&] { block.decode_geometry(e.splats, e.fresh, e.geometry, e.geometry_size); });
        in_stream("following harmonics" + where, [&] { block.decode_sh(e.harmonics, e.harmonics_size); });
        out.blocks[b] = block.take();
    });
    return out;
}

EncodedFollowing encode_following(const FrameState &before, const FollowingInput &in, int threads, Statistics *stats) {
    const size_t count = before.blocks.size();
    struct Made {
        std::vector<uint8_t> geometry, harmonics;
        Statistics stats;
    };
    std::vector<Made> made(count);
    std::vector<size_t> first(count + 1), first_fresh(count + 1);
    for (size_t b = 0; b < count; ++b) {
        first[b + 1] = first[b] + in.splats[b];
        first_fresh[b + 1] = first_fresh[b] + in.fresh[b];
    }
    EncodedFollowing out{{}, {before.params, before.antialiased, {}}};
    out.state.blocks.resize(count);
    parallel_for(count, threads, [&](size_t b) {
        std::vector<FollowTarget> rows;
        std::vector<double> weights;
        for (size_t i = first[b]; i < first[b + 1]; ++i) {
            rows.push_back({target_of(in.rows, i), in.parents[i]});
            weights.push_back(in.rows.weights[2 * i + 1]);
        }
        const std::vector<uint64_t> codes(in.rows.codes + first_fresh[b], in.rows.codes + first_fresh[b + 1]);
        FollowingBlock block(*before.params, before.blocks[b]);
        made[b].geometry = block.encode_geometry(rows, codes, &made[b].stats);
        const uint64_t most = before.blocks[b].splats.size() + MAX_SPLATS_PER_BYTE * (made[b].geometry.size() + 1);
        if (rows.size() > most) made[b].geometry.resize((rows.size() - before.blocks[b].splats.size() + MAX_SPLATS_PER_BYTE - 1) / MAX_SPLATS_PER_BYTE - 1);
        made[b].harmonics = block.encode_sh(in.rows.sh + first[b] * before.params->sh_components, weights.data(), &made[b].stats);
        out.state.blocks[b] = block.take();
    });
    for (size_t b = 0; b < count; ++b) {
        put(out.payload, in.splats[b]);
        put(out.payload, in.fresh[b]);
        put(out.payload, made[b].geometry.size());
        put(out.payload, made[b].harmonics.size());
    }
    for (const Made &m : made) {
        out.payload.insert(out.payload.end(), m.geometry.begin(), m.geometry.end());
        out.payload.insert(out.payload.end(), m.harmonics.begin(), m.harmonics.end());
        for (size_t g = 0; g < m.stats.bits.size(); ++g) stats->bits[g] += m.stats.bits[g];
    }
    return out;
}

void reconstruct(const FrameState &frame, const SceneArrays &out, int threads) {
    const Params &p = *frame.params;
    const size_t coefficients = 3 * (1 + static_cast<size_t>(p.sh_rest));
    std::vector<size_t> first{0};
    for (const BlockState &b : frame.blocks) first.push_back(first.back() + b.splats.size());
    parallel_for(frame.blocks.size(), threads, [&](size_t b) {
        const BlockState &block = frame.blocks[b];
        for (size_t i = 0; i < block.splats.size(); ++i) {
            const size_t row = first[b] + i;
            float *sh = out.sh + coefficients * row;
            reconstruct_geometry(p, block.splats[i], out.means + 3 * row, out.quats + 4 * row, out.log_scales + 3 * row, out.opacity_logits + row, sh);
            reconstruct_harmonics(p, block.splats[i], block.sh.empty() ? nullptr : &block.sh[i * p.sh_components], sh + 3);
        }
    });
}

}  // namespace gsz
