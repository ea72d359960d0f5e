// Occupied voxels of one chunk, breadth first, each node's eight children in one go; then how many splats a voxel holds.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "hashing.hpp"
#include "decisions.hpp"
#include "symbols.hpp"

namespace gsz {

inline uint64_t spread3(uint64_t v) {
    v &= 0x1fffff;
    v = (v | v << 32) & 0x1f00000000ffffULL;
    v = (v | v << 16) & 0x1f0000ff0000ffULL;
    v = (v | v << 8) & 0x100f00f00f00f00fULL;
    v = (v | v << 4) & 0x10c30c30c30c30c3ULL;
    return (v | v << 2) & 0x1249249249249249ULL;
}
inline uint64_t compact3(uint64_t v) {
    v &= 0x1249249249249249ULL;
    v = (v | v >> 2) & 0x10c30c30c30c30c3ULL;
    v = (v | v >> 4) & 0x100f00f00f00f00fULL;
    v = (v | v >> 8) & 0x1f0000ff0000ffULL;
    v = (v | v >> 16) & 0x1f00000000ffffULL;
    return (v | v >> 32) & 0x1fffff;
}
inline uint64_t morton(uint64_t x, uint64_t y, uint64_t z) { return spread3(x) | spread3(y) << 1 | spread3(z) << 2; }

class CodeSet {  // open addressing over Morton codes
public:
    void fill(const std::vector<uint64_t> &codes) {
        size_t capacity = 16;
        while (capacity < 2 * codes.size()) capacity *= 2;
        slots_.assign(capacity, ~0ULL);
        for (uint64_t c : codes) {
            size_t i = hash(c);
            while (slots_[i] != ~0ULL) i = (i + 1) & (slots_.size() - 1);
            slots_[i] = c;
        }
    }
    bool contains(uint64_t c) const {
        for (size_t i = hash(c); slots_[i] != ~0ULL; i = (i + 1) & (slots_.size() - 1))
            if (slots_[i] == c) return true;
        return false;
    }

private:
    size_t hash(uint64_t c) const { return hash_(c) & (slots_.size() - 1); }
    CodeHash hash_;
    std::vector<uint64_t> slots_;
};

// What child i of a node sees of its surroundings, by lookup.
struct ChildTables {
    std::array<std::array<uint8_t, 64>, 8> outer{};   // by the node's face neighbours (2 axis + up): those that child i touches, by axis
    std::array<std::array<uint8_t, 64>, 8> outers{};  // how many those are
    std::array<uint8_t, 8> known{};                   // how many of its siblings that child i touches are coded before it
    std::array<std::array<uint8_t, 256>, 8> inner{};  // by the children coded as occupied: how many of them child i touches
    constexpr ChildTables() {
        for (unsigned i = 0; i < 8; ++i)
            for (unsigned axis = 0; axis < 3; ++axis) {
                const unsigned up = i >> axis & 1;
                known[i] = static_cast<uint8_t>(known[i] + up);
                for (unsigned faces = 0; faces < 64; ++faces) {
                    const unsigned touches = faces >> (2 * axis + up) & 1;
                    outer[i][faces] = static_cast<uint8_t>(outer[i][faces] | touches << axis);
                    outers[i][faces] = static_cast<uint8_t>(outers[i][faces] + touches);
                }
                for (unsigned coded = 0; up && coded < 256; ++coded) inner[i][coded] = static_cast<uint8_t>(inner[i][coded] + (coded >> (i ^ 1u << axis) & 1));
            }
    }
};
inline constexpr ChildTables CHILD_TABLES;

class OctreeCoder {
public:
    OctreeCoder() : occupancy_(8, {256, 128, 64, 64}), count_(16, {16, 4}) {}

    // `codes`: Morton codes of the chunk's splats, sorted, duplicates allowed; filled when decoding. `total` of them.
    // `earlier`: the sorted codes of the block's earlier chunks, used as context.
    template <class IO>
    void code(IO &io, int depth, size_t total, std::vector<uint64_t> &codes, const std::vector<uint64_t> &earlier);

private:
    Decisions<4> occupancy_;
    Decisions<2> count_;
};

template <class IO>
void OctreeCoder::code(IO &io, int depth, size_t total, std::vector<uint64_t> &codes, const std::vector<uint64_t> &earlier) {
    constexpr bool encoding = std::is_same_v<IO, EncodeIO>;
    std::vector<uint64_t> nodes{0}, next;
    CodeSet set;
    if (total == 0) nodes.clear();
    for (int level = 0; level < depth; ++level) {
        const int below = 3 * (depth - 1 - level);  // bits under a child of this level
        set.fill(nodes);
        next.clear();
        size_t at = 0, was = 0;  // walks through `codes` (encoder) and `earlier`
        const uint64_t side = 1ULL << level;
        for (uint64_t node : nodes) {
            int children = 0;
            if constexpr (encoding) {
                for (; at < codes.size() && (codes[at] >> (below + 3)) == node; ++at) children |= 1 << ((codes[at] >> below) & 7);
            }
            int seen[8] = {}, seen_all = 0;
            while (was < earlier.size() && (earlier[was] >> (below + 3)) < node) ++was;
            for (; was < earlier.size() && (earlier[was] >> (below + 3)) == node; ++was) {
                int &s = seen[(earlier[was] >> below) & 7];
                s = std::min(s + 1, 3);
                seen_all = std::min(seen_all + 1, 3);
            }
            const uint64_t x = compact3(node), y = compact3(node >> 1), z = compact3(node >> 2);
            const int face = (x > 0 && set.contains(morton(x - 1, y, z))) | (x + 1 < side && set.contains(morton(x + 1, y, z))) << 1
                                | (y > 0 && set.contains(morton(x, y - 1, z))) << 2 | (y + 1 < side && set.contains(morton(x, y + 1, z))) << 3
                                | (z > 0 && set.contains(morton(x, y, z - 1))) << 4 | (z + 1 < side && set.contains(morton(x, y, z + 1))) << 5;
            int faces = 0;
            for (int f = 0; f < 6; ++f) faces += face >> f & 1;
            int filled = 0, coded = 0;
            for (int i = 0; i < 8; ++i) {
                int bit = (children >> i) & 1;
                if (i == 7 && filled == 0) {
                    bit = 1;  // a node is never empty
                } else {
                    const ChildTables &t = CHILD_TABLES;
                    bit = occupancy_.code(io, occupancy_.at({coded | 1 << i, t.outer[i][face] * 16 + t.inner[i][coded] * 4 + t.known[i], seen[i] * 16 + seen_all * 4 + t.outers[i][face], faces * 8 + filled}), i, bit);
                }
                filled += bit;
                coded |= bit << i;
                if (bit) next.push_back(node << 3 | static_cast<uint64_t>(i));
            }
            if constexpr (!encoding) io.check();  // a lie about the count ends here, not in the memory it would take
            if (next.size() > total) broken("more occupied voxels than splats");
        }
        nodes.swap(next);
    }
    // How many splats each voxel holds.
    std::vector<uint64_t> out;
    if constexpr (!encoding) out.reserve(total);
    size_t at = 0, was = 0, left = total;
    int previous = 0;
    for (size_t k = 0; k < nodes.size(); ++k) {
        const uint64_t node = nodes[k];
        int more = 0, seen = 0;
        if constexpr (encoding) {
            size_t end = at;
            while (end < codes.size() && codes[end] == node) ++end;
            more = static_cast<int>(end - at) - 1;
            at = end;
        }
        while (was < earlier.size() && earlier[was] < node) ++was;
        for (; was < earlier.size() && earlier[was] == node; ++was) seen = std::min(seen + 1, 3);
        const size_t spare = left - (nodes.size() - k);  // splats that are not yet spoken for
        const auto context = count_.at({previous, seen});
        int n = 0;
        while (static_cast<size_t>(n) < spare && count_.code(io, context, std::min(n, 15), n < more)) ++n;
        if constexpr (!encoding) io.check();
        previous = std::min(n, 15);
        left -= n + 1;
        if constexpr (!encoding) out.insert(out.end(), n + 1, node);
    }
    if (left != 0) broken("fewer splats in the octree than the chunk has");
    if constexpr (!encoding) codes.swap(out);
}

}  // namespace gsz
