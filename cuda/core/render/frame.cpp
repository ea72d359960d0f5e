#include "render/frame.hpp"

#include <array>
#include <bit>
#include <cmath>

#include "parallel.hpp"
#include "render/project.hpp"

namespace gsz::render {

Frame prepare(const Gaussians &gaussians, const View &view, int threads) {
    Frame frame;
    frame.view = view;
    frame.tiles_x = (view.width + kTile - 1) / kTile;
    frame.tiles_y = (view.height + kTile - 1) / kTile;

    // Every block keeps its visible splats at the front of its own stretch, so that blocks need not wait for another.
    constexpr std::size_t kBlock = 4096;
    const std::size_t count = gaussians.count, block_count = blocks(count, kBlock);
    const std::unique_ptr<Splat[]> found(new Splat[count]);
    const std::unique_ptr<std::uint32_t[]> owner(new std::uint32_t[count]);
    std::vector<std::size_t> begin(block_count + 1, 0);
    parallel_for(block_count, threads, [&](std::size_t block) {
        std::size_t out = block * kBlock;
        for (std::size_t i = out, end = std::min(count, out + kBlock); i < end; ++i)
            if (project(gaussians, i, view, found[out])) owner[out++] = static_cast<std::uint32_t>(i);
        begin[block + 1] = out - block * kBlock;
    });
    for (std::size_t block = 0; block < block_count; ++block) begin[block + 1] += begin[block];

    // Depths are positive, so their bit patterns sort like the numbers.
    const std::size_t visible = begin[block_count];
    std::vector<std::uint32_t> keys(visible), order(visible);
    parallel_for(block_count, threads, [&](std::size_t block) {
        for (std::size_t out = begin[block], in = block * kBlock; out < begin[block + 1]; ++out, ++in) {
            keys[out] = std::bit_cast<std::uint32_t>(found[in].depth);
            order[out] = static_cast<std::uint32_t>(in);
        }
    });
    sort_pairs(keys, order, threads);

    frame.splats.resize(visible);
    frame.gaussians.resize(visible);
    parallel_for(blocks(visible, kBlock), threads, [&](std::size_t block) {
        for (std::size_t i = block * kBlock, end = std::min(visible, i + kBlock); i < end; ++i) {
            frame.splats[i] = found[order[i]];
            frame.gaussians[i] = owner[order[i]];
        }
    });
    bin(frame, threads);
    return frame;
}

void extents(const Gaussians &gaussians, const View &view, float *centres, std::int32_t *radii, int threads) {
    constexpr std::size_t kBlock = 4096;
    parallel_for(blocks(gaussians.count, kBlock), threads, [&](std::size_t block) {
        for (std::size_t i = block * kBlock, end = std::min(gaussians.count, i + kBlock); i < end; ++i) {
            Splat splat = {};
            const bool seen = project(gaussians, i, view, splat);
            const float most = 1e9f;  // still an int
            centres[2 * i] = seen ? splat.x : 0.0f, centres[2 * i + 1] = seen ? splat.y : 0.0f;
            radii[2 * i] = seen ? static_cast<std::int32_t>(std::ceil(std::min(splat.extent_x, most))) : 0;
            radii[2 * i + 1] = seen ? static_cast<std::int32_t>(std::ceil(std::min(splat.extent_y, most))) : 0;
        }
    });
}

void sort_pairs(std::vector<std::uint32_t> &keys, std::vector<std::uint32_t> &values, int threads) {
    constexpr int kBits = 11;
    constexpr std::uint32_t kMask = (1u << kBits) - 1;
    using Histogram = std::array<std::uint32_t, kMask + 1>;
    const std::size_t count = keys.size();
    const std::size_t block = std::max<std::size_t>(1 << 14, blocks(count, std::max(threads, 1)));
    const std::size_t block_count = blocks(count, block);
    std::vector<std::uint32_t> other_keys(count), other_values(count);
    std::vector<Histogram> places(block_count);
    for (int shift = 0; shift < 32; shift += kBits) {
        parallel_for(block_count, threads, [&](std::size_t b) {
            places[b].fill(0);
            for (std::size_t i = b * block, end = std::min(count, i + block); i < end; ++i)
                ++places[b][(keys[i] >> shift) & kMask];
        });
        std::uint32_t sum = 0;
        for (std::size_t digit = 0; digit <= kMask; ++digit)
            for (Histogram &place : places) {
                const std::uint32_t here = place[digit];
                place[digit] = sum;
                sum += here;
            }
        parallel_for(block_count, threads, [&](std::size_t b) {
            for (std::size_t i = b * block, end = std::min(count, i + block); i < end; ++i) {
                const std::uint32_t to = places[b][(keys[i] >> shift) & kMask]++;
                other_keys[to] = keys[i];
                other_values[to] = values[i];
            }
        });
        keys.swap(other_keys);
        values.swap(other_values);
    }
}

}  // namespace gsz::render
