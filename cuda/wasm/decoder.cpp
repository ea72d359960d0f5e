// The decoder for WebAssembly: one file an instance, handed over piece by piece (viewer/src/decode). Names and numbers are C's.
//
// A fault calls the host's `gsz_fault`, which has to throw; the instance is of no more use then. So it is when memory runs out,
// which traps.
#include <cstdlib>
#include <cstring>

#include "codec/file.hpp"

using namespace gsz;

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))
extern "C" __attribute__((import_module("host"), import_name("gsz_fault"))) void gsz_fault(int kind, const char *text, size_t size);
extern "C" __attribute__((import_module("host"), import_name("gsz_random"))) uint64_t gsz_random();

namespace {

File file;
std::vector<std::unique_ptr<BlockDecoder>> decoders;  // by block

struct Facts {  // as JavaScript reads them
    uint32_t splats, sh_degree, antialiased, layers, blocks, sections;
} facts;

struct Entry {
    uint32_t type, version, block, layer, splats, size;
    double offset;
} entry;

}  // namespace

namespace gsz {

void stopped(const FormatFault &fault) {
    const std::string text = fault.field + '\n' + fault.expected + '\n' + fault.found;
    gsz_fault(fault.kind, text.data(), text.size());
    __builtin_trap();
}

uint64_t random_secret() { return gsz_random(); }

}  // namespace gsz

EXPORT(gsz_allocate) void *gsz_allocate(size_t size) { return std::malloc(size ? size : 1); }
EXPORT(gsz_release) void gsz_release(void *memory) { std::free(memory); }

// How long the head is, by its own words, of which 16 bytes have to be there; 0 where that is not said, and `gsz_open` tells why.
EXPORT(gsz_head_size) uint32_t gsz_head_size(const uint8_t *data) {
    uint32_t size = 0;
    std::memcpy(&size, data + 8, 4);
    return std::memcmp(data, "GSZ\x1a", 4) == 0 ? size : 0;
}

EXPORT(gsz_open) const Facts *gsz_open(const uint8_t *head, size_t size, uint32_t max_splats) {
    file = read_head(head, size, max_splats);
    decoders.clear();
    decoders.resize(file.blocks.size());
    const int rest = file.params.sh_rest;
    facts = {static_cast<uint32_t>(file.splats), rest == 0 ? 0u : rest == 3 ? 1u : rest == 8 ? 2u : 3u, file.antialiased, static_cast<uint32_t>(file.layers),
             static_cast<uint32_t>(file.blocks.size()), static_cast<uint32_t>(file.sections.size())};
    return &facts;
}

EXPORT(gsz_section) const Entry *gsz_section(uint32_t index) {
    const Section &s = file.sections[index];
    entry = {s.type, s.version, s.block, s.layer, s.splats, s.size, static_cast<double>(s.offset)};
    return &entry;
}

// The payload stays where it is, and the caller's, until its chunk has been decoded.
EXPORT(gsz_take) void gsz_take(uint32_t index, const uint8_t *payload) { take_section(file, index, payload); }

// Decodes the next layer of geometry, or of anchors, of a block, which has been taken.
EXPORT(gsz_geometry) void gsz_geometry(uint32_t block) {
    auto &decoder = decoders[block];
    if (!decoder) decoder = std::make_unique<BlockDecoder>(file.params, file.networks.get(), block);
    const size_t layer = decoder->layers();
    decoder->geometry(file.lowest_class[layer], file.blocks[block].geometry[layer]);
}

// Splats of a layer that has been decoded: float32 means [n, 3], quats [n, 4], log scales [n, 3], opacity logits [n], harmonics [n, K, 3],
// one array after the other at `out`. Harmonics are decoded where `harmonics` is 1, once, layer by layer, else zeros beyond the constant.
EXPORT(gsz_write) void gsz_write(uint32_t block, uint32_t layer, uint32_t harmonics, float *out) {
    BlockDecoder &decoder = *decoders[block];
    const size_t n = decoder.splats(layer);
    decoder.write(layer, harmonics ? &file.blocks[block].sh[layer] : nullptr, {out, out + 3 * n, out + 7 * n, out + 10 * n, out + 11 * n});
}
