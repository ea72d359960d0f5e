// The decoder as a WebAssembly program without a main function. It gets a file section by section and gives each chunk's values
// as floats; blocks are independent, so that several of these can share a file's blocks. What is wrong with the file is told to
// the import `refused`, which does not return: the program is then of no more use.
#include <new>

#include "codec/block_decoder.hpp"
#include "codec/frames.hpp"

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

extern "C" __attribute__((import_module("gsz"), import_name("refused"))) void host_refused(
    int kind, const char *field, size_t field_size, const char *expected, size_t expected_size, const char *found, size_t found_size);

void gsz::refused(const FormatFault &f) {
    host_refused(f.kind, f.field.data(), f.field.size(), f.expected.data(), f.expected.size(), f.found.data(), f.found.size());
    __builtin_trap();
}

namespace {

using namespace gsz;

std::vector<uint8_t> input;
std::unique_ptr<float[]> output;
File file;
std::vector<std::unique_ptr<BlockDecoder>> blocks;
std::array<FrameState, 3> frames;  // a group's key frame, and two to go from one to the next

[[noreturn]] void no_memory() {
    std::set_new_handler(nullptr);
    fail(FormatFault::UNSUPPORTED, "header.splats", "as many as fit into memory", std::to_string(file.splats));
}

FrameState &frame_in(uint32_t slot) {
    if (slot >= frames.size()) __builtin_trap();
    return frames[slot];
}

// Rows of one kind after the other.
uint32_t decode_geometry(BlockDecoder &block, const Chunk &chunk) {
    const size_t first = block.splats().size(), n = chunk.splats;
    block.decode_geometry(chunk);
    output.reset(new float[14 * n]);
    float *means = output.get(), *quats = means + 3 * n, *log_scales = quats + 4 * n, *opacity_logits = log_scales + 3 * n, *colours = opacity_logits + n;
    for (size_t i = 0; i < n; ++i)
        reconstruct_geometry(file.params, block.splats()[first + i], means + 3 * i, quats + 4 * i, log_scales + 3 * i, opacity_logits + i, colours + 3 * i);
    return 14 * n;
}

uint32_t decode_harmonics(BlockDecoder &block, const Chunk &chunk) {
    const size_t width = 3 * static_cast<size_t>(file.params.sh_rest);
    output.reset(new float[width * chunk.splats]);
    float *row = output.get();
    block.decode_harmonics(chunk, [&](size_t i, const int *symbols) {
        reconstruct_harmonics(file.params, block.splats()[i], symbols, row);
        row += width;
    });
    return width * chunk.splats;
}

}  // namespace

// Where the host writes `size` bytes for the next call.
EXPORT(input) uint8_t *gsz_input(uint32_t size) {
    std::set_new_handler(no_memory);
    input.resize(size);
    return input.data();
}

// Of the input, a file's first 16 bytes: how many bytes header and table take.
EXPORT(head_size) uint32_t gsz_head_size() { return static_cast<uint32_t>(head_size(input.data(), input.size())); }

// The input is header and table, to be checked.
EXPORT(open) void gsz_open(uint32_t max_splats) {
    file = parse(input.data(), input.size(), true, max_splats);
    blocks.resize(file.blocks.size());
}

// The input is the payload of this section, which is checked. Of a chunk of geometry (or anchors) the output is then, of its n
// splats, means [n][3], quats [n][4], log_scales [n][3], opacity_logits [n], colours [n][3]; of harmonics those beyond the colour,
// [n][rest][3]. Returns the number of floats. A block's chunks, and all other sections but what is ancillary, in the file's order.
EXPORT(section) uint32_t gsz_section(uint32_t index) {
    const Section &s = file.sections.at(index);
    if (input.size() != s.size) fail(FormatFault::TRUNCATED, "section " + std::to_string(index), std::to_string(s.size) + " bytes", std::to_string(input.size()));
    accept(file, index, input.data());
    if (!is_chunk(s.type)) return 0;
    auto &block = blocks[s.block];
    if (!block) block = std::make_unique<BlockDecoder>(file.params, file.networks.get(), file.lowest_class, s.block);
    const Chunk chunk = chunk_of(s, input.data());
    return s.type == SECTION_HARMONICS ? decode_harmonics(*block, chunk) : decode_geometry(*block, chunk);
}

EXPORT(output) const float *gsz_output() { return output.get(); }

// Nothing more of this block will come.
EXPORT(close) void gsz_close(uint32_t block) { blocks.at(block).reset(); }

// Frames of a sequence are kept in slots 0 to 2. The input is the payload of a key frame; returns its splats.
EXPORT(frame_key) uint32_t gsz_frame_key(uint32_t slot, uint32_t max_splats) {
    FrameState &to = frame_in(slot);
    to = {};  // first, for its memory
    to = key_frame(input.data(), input.size(), max_splats, 1);
    return to.splats();
}

// The input is the payload of a frame that follows the one in slot `from`, which has to hold one; returns its splats.
EXPORT(frame_following) uint32_t gsz_frame_following(uint32_t from, uint32_t to, uint32_t max_splats) {
    const FrameState &before = frame_in(from);
    if (!before.params) __builtin_trap();
    frame_in(to) = following_frame(before, input.data(), input.size(), max_splats, 1);
    return frame_in(to).splats();
}

// What a slot holds: coefficients beyond the constant one, and 256 if it is of the antialiased rasteriser.
EXPORT(frame_kind) uint32_t gsz_frame_kind(uint32_t slot) { return static_cast<uint32_t>(frame_in(slot).params->sh_rest) | (frame_in(slot).antialiased ? 256 : 0); }

// The output is then, of a slot's n splats, means [n][3], quats [n][4], log_scales [n][3], opacity_logits [n], sh [n][1 + rest][3].
// Returns the number of floats.
EXPORT(frame_values) uint32_t gsz_frame_values(uint32_t slot) {
    const FrameState &frame = frame_in(slot);
    const size_t n = frame.splats(), size = n * (11 + 3 * (1 + static_cast<size_t>(frame.params->sh_rest)));
    output.reset();
    output.reset(new float[size]);
    SceneArrays out{};
    out.means = output.get();
    out.quats = out.means + 3 * n;
    out.log_scales = out.quats + 4 * n;
    out.opacity_logits = out.log_scales + 3 * n;
    out.sh = out.opacity_logits + n;
    reconstruct(frame, out, 1);
    return size;
}
