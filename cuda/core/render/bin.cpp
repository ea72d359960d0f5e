// Which tiles a splat touches: exactly those with a pixel centre inside its ellipse { alpha >= 1/255 }, up to rounding.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "render/frame.hpp"
#include "parallel.hpp"

namespace gsz::render {
namespace {

constexpr float kSlack = 0.01f;  // px; blending looks at every pixel again, so too wide is harmless

// First and last of the `cells` tiles with a pixel centre in [low, high] px; first > last where there is none.
void cells_between(float low, float high, int cells, int &first, int &last) {
    const float limit = static_cast<float>(cells * kTile);
    const float from = std::clamp(std::ceil(low - 0.5f - kSlack), 0.0f, limit);
    const float to = std::clamp(std::floor(high - 0.5f + kSlack), -1.0f, limit - 1.0f);
    first = static_cast<int>(from) / kTile;
    last = to < from ? first - 1 : static_cast<int>(to) / kTile;
}

// Calls visit(tile) for the tiles of one splat, row by row. An ellipse cut by a band of pixel rows is convex, so the
// tiles of a row of tiles are neighbours, and the band's outermost points tell the first and the last.
template <class Visit>
void visit_tiles(const Splat &splat, int tiles_x, int tiles_y, const Visit &visit) {
    int first_row, last_row, first, last;
    cells_between(splat.y - splat.extent_y, splat.y + splat.extent_y, tiles_y, first_row, last_row);
    const float reach = splat.log2_opacity - kLog2MinAlpha;
    const float extent_sq = splat.extent_x * splat.extent_x;
    const float det = extent_sq > 0 ? 4 * splat.c * reach / extent_sq : 0;  // 4 a c - b^2 without cancellation
    const float tip = -splat.b * splat.extent_x / (2 * splat.c);            // dy of the rightmost point
    const auto half_width = [&](float dy) {
        return std::sqrt(std::max(0.0f, 4 * splat.a * reach - det * dy * dy)) / (2 * splat.a);
    };
    for (int row = first_row; row <= last_row; ++row) {
        const float top = row * kTile + 0.5f - splat.y;
        const float high = std::min(splat.extent_y, top + (kTile - 1) + kSlack);
        const float low = std::min(high, std::max(-splat.extent_y, top - kSlack));
        const float right = std::clamp(tip, low, high), left = std::clamp(-tip, low, high);
        const float shear = -splat.b / (2 * splat.a);
        cells_between(splat.x + shear * left - half_width(left), splat.x + shear * right + half_width(right), tiles_x,
                      first, last);
        for (int column = first; column <= last; ++column) visit(static_cast<std::size_t>(row) * tiles_x + column);
    }
}

}  // namespace

void bin(Frame &frame, int threads) {
    const std::size_t count = frame.splats.size(), tile_count = frame.tile_count();
    const std::size_t block = std::max<std::size_t>(2048, blocks(count, 4 * static_cast<std::size_t>(std::max(threads, 1))));
    const std::size_t block_count = blocks(count, block);
    const auto splat_tiles = [&](std::size_t i, const auto &visit) {
        visit_tiles(frame.splats[i], frame.tiles_x, frame.tiles_y, visit);
    };

    // Counts per splat, and per block and tile.
    frame.slots.assign(count + 1, 0);
    std::vector<std::vector<std::uint32_t>> places(block_count);
    parallel_for(block_count, threads, [&](std::size_t b) {
        places[b].assign(tile_count, 0);
        for (std::size_t i = b * block, end = std::min(count, i + block); i < end; ++i)
            splat_tiles(i, [&](std::size_t tile) { ++places[b][tile], ++frame.slots[i + 1]; });
    });
    std::uint64_t total = 0;
    for (std::size_t i = 1; i <= count; ++i) {
        total += frame.slots[i];
        if (total >= (1ull << 31)) throw std::length_error("render: 2^31 or more (splat, tile) pairs");
        frame.slots[i] = static_cast<std::uint32_t>(total);
    }

    // Counts to places: by tile, then by block, which keeps the depth order within a tile.
    frame.tiles.assign(tile_count + 1, 0);
    std::uint32_t sum = 0;
    for (std::size_t tile = 0; tile < tile_count; ++tile) {
        for (std::size_t b = 0; b < block_count; ++b) {
            const std::uint32_t here = places[b][tile];
            places[b][tile] = sum;
            sum += here;
        }
        frame.tiles[tile + 1] = sum;
    }
    frame.ids.resize(sum);
    frame.positions.resize(sum);
    parallel_for(block_count, threads, [&](std::size_t b) {
        for (std::size_t i = b * block, end = std::min(count, i + block); i < end; ++i) {
            std::uint32_t slot = frame.slots[i];
            splat_tiles(i, [&](std::size_t tile) {
                const std::uint32_t position = places[b][tile]++;
                frame.ids[position] = static_cast<std::uint32_t>(i);
                frame.positions[slot++] = position;
            });
        }
    });
}

}  // namespace gsz::render
