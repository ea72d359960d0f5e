// One view of a scene, made ready for blending: splats in depth order and the splats of every tile.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "render/types.hpp"

namespace gsz::render {

// Kept whole so that a later pass (contributions, gradients) walks exactly what the forward pass walked.
struct Frame {
    View view;
    int tiles_x = 0, tiles_y = 0;
    std::vector<Splat> splats;               // visible ones by depth, nearest first; ties by index
    std::vector<std::uint32_t> gaussians;    // their indices in the scene

    // An intersection is a (splat, tile) pair. `slots` numbers them splat by splat, `ids` holds them tile by tile.
    std::vector<std::uint32_t> slots;        // [splats + 1], where each splat's intersections begin
    std::vector<std::uint32_t> tiles;        // [tiles + 1], where each tile's part of `ids` begins
    std::vector<std::uint32_t> ids;          // [intersections], splat, by tile and then by depth
    std::vector<std::uint32_t> positions;    // [intersections], place in `ids` of each slot

    std::size_t tile_count() const { return static_cast<std::size_t>(tiles_x) * tiles_y; }
    TileTask task(std::size_t tile) const {
        return {splats.data(), ids.data(), tiles[tile], tiles[tile + 1], static_cast<int>(tile % tiles_x) * kTile,
                static_cast<int>(tile / tiles_x) * kTile};
    }
};

// Projects, sorts and bins. The result does not depend on `threads`.
// Throws std::length_error where there would be 2^31 intersections or more.
Frame prepare(const Gaussians &gaussians, const View &view, int threads);

// Centres [count, 2] and half sizes, rounded up, [count, 2], of Gaussians in the image, px; zeros where one is not seen.
void extents(const Gaussians &gaussians, const View &view, float *centres, std::int32_t *radii, int threads);

// Sorts `keys` ascending, stably, and carries `values` along.
void sort_pairs(std::vector<std::uint32_t> &keys, std::vector<std::uint32_t> &values, int threads);

// Fills slots, tiles, ids and positions from the splats.
void bin(Frame &frame, int threads);

}  // namespace gsz::render
