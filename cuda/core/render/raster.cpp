#include "render/raster.hpp"

#include <algorithm>

#include "render/kernels.hpp"
#include "parallel.hpp"

namespace gsz::render {
namespace {

// Copies the part of a tile that lies in the image.
void store(const TilePixels &pixels, const TileTask &task, const View &view, const Target &target) {
    const int width = std::min(kTile, view.width - task.x), height = std::min(kTile, view.height - task.y);
    const float black[3] = {0, 0, 0};
    const float *background = target.background ? target.background : black;
    for (int row = 0; row < height; ++row)
        for (int column = 0; column < width; ++column) {
            const std::size_t to = static_cast<std::size_t>(task.y + row) * view.width + task.x + column;
            const int from = row * kTile + column;
            if (target.image)
                for (int channel = 0; channel < 3; ++channel)
                    target.image[3 * to + channel] =
                        pixels.rgb[channel][from] + pixels.transmittance[from] * background[channel];
            if (target.alpha) target.alpha[to] = 1.0f - pixels.transmittance[from];
            if (target.last_ids) target.last_ids[to] = pixels.end[from];
        }
}

}  // namespace

void blend(const Frame &frame, const Target &target, int threads) {
    const Kernels &kernel = kernels();
    parallel_for(frame.tile_count(), threads, [&](std::size_t tile) {
        TilePixels pixels;
        const TileTask task = frame.task(tile);
        kernel.blend(task, pixels);
        store(pixels, task, frame.view, target);
    });
}

void measure(const Frame &frame, const Target &target, double *columns, int threads) {
    const Kernels &kernel = kernels();
    const View &view = frame.view;
    std::vector<Partial> partials(frame.ids.size());
    parallel_for(frame.tile_count(), threads, [&](std::size_t tile) {
        TilePixels pixels;
        const TileTask task = frame.task(tile);
        kernel.blend(task, pixels);
        store(pixels, task, view, target);
        kernel.measure(task, pixels, std::min(kTile, view.width - task.x), std::min(kTile, view.height - task.y),
                       partials.data() + task.begin);
    });

    constexpr std::size_t kBlock = 4096;
    const double pixel_area = 1.0 / (static_cast<double>(view.fx) * view.fy);  // at depth 1
    parallel_for(blocks(frame.splats.size(), kBlock), threads, [&](std::size_t block) {
        for (std::size_t i = block * kBlock, end = std::min(frame.splats.size(), i + kBlock); i < end; ++i) {
            double *out = columns + kContributionColumns * static_cast<std::size_t>(frame.gaussians[i]);
            double energy = 0;
            for (std::uint32_t slot = frame.slots[i]; slot < frame.slots[i + 1]; ++slot) {
                const Partial &part = partials[frame.positions[slot]];
                out[0] += part.weight;
                out[1] += part.weight_sq;
                out[2] = std::max<double>(out[2], part.weight_max);
                energy += part.energy;
                out[5] += part.pixels;
            }
            const double depth = frame.splats[i].depth;
            out[3] += energy;
            out[4] += energy * depth * depth * pixel_area;
        }
    });
}

double pull(const Frame &frame, const float *wanted, double *columns, int threads) {
    const Kernels &kernel = kernels();
    const View &view = frame.view;
    std::vector<Pull> pulls(frame.ids.size());
    std::vector<double> squares(frame.tile_count());
    parallel_for(frame.tile_count(), threads, [&](std::size_t tile) {
        TilePixels pixels;
        alignas(64) float error[3][kTilePixels] = {};
        const TileTask task = frame.task(tile);
        kernel.blend(task, pixels);
        const int width = std::min(kTile, view.width - task.x), height = std::min(kTile, view.height - task.y);
        for (int row = 0; row < height; ++row)
            for (int column = 0; column < width; ++column)
                for (int channel = 0; channel < 3; ++channel) {
                    const int i = row * kTile + column;
                    const float e = wanted[3 * (static_cast<std::size_t>(task.y + row) * view.width + task.x + column) + channel] - pixels.rgb[channel][i];
                    error[channel][i] = e;
                    squares[tile] += static_cast<double>(e) * e;
                }
        kernel.pull(task, pixels, error, pulls.data() + task.begin);
    });

    constexpr std::size_t kBlock = 4096;
    parallel_for(blocks(frame.splats.size(), kBlock), threads, [&](std::size_t block) {
        for (std::size_t i = block * kBlock, end = std::min(frame.splats.size(), i + kBlock); i < end; ++i) {
            double *out = columns + kPullColumns * static_cast<std::size_t>(frame.gaussians[i]);
            for (std::uint32_t slot = frame.slots[i]; slot < frame.slots[i + 1]; ++slot) {
                const Pull &part = pulls[frame.positions[slot]];
                for (int channel = 0; channel < 3; ++channel) out[channel] += part.color[channel];
                out[3] += part.weight;
                out[4] += part.opacity;
                out[5] += part.energy;
            }
        }
    });
    double total = 0;
    for (double s : squares) total += s;
    return total;
}

}  // namespace gsz::render
