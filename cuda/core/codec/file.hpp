// The container: header, section table, payloads. FORMAT.md is the specification.
#pragma once
#include <memory>
#include <string>

#include "decoder.hpp"

namespace gsz {

inline constexpr int FORMAT_VERSION = 1;
inline constexpr uint64_t FIXED_HEADER = 270, TABLE_ENTRY = 24;  // 64 bits, so that no sum of a file's fields overflows where size_t is 32
inline constexpr int MAX_LAYERS = 4;
inline constexpr uint64_t MAX_SPLATS_PER_BYTE = 8;  // of a geometry chunk, plus as many for free
enum SectionType : uint16_t { SECTION_BASIS = 1, SECTION_GEOMETRY = 2, SECTION_HARMONICS = 3, SECTION_ANCHORS = 4, SECTION_NETWORKS = 17, SECTION_CONDITION = 20, SECTION_ANCILLARY = 0x8000 };

uint32_t crc32(const uint8_t *data, size_t size);

struct Section {
    uint16_t type, version;
    uint32_t block;
    uint16_t layer;
    uint32_t splats, size, crc;
    uint64_t offset;
    bool present;  // wholly inside the bytes at hand
};

struct File {
    Params params;
    bool antialiased = false;
    int layers = 0;
    std::vector<int> lowest_class;  // by layer
    std::vector<Section> sections;
    std::vector<BlockLayout> blocks;  // rows of what is present, data pointing into the file
    std::shared_ptr<AnchorNetworks> networks;  // of a file of anchors, if they are present
    size_t splats = 0;                // in the whole file
    size_t rows = 0;                  // in the chunks that are present
    size_t chunks = 0, chunks_total = 0;
};

// Header and section table, checked; no section is present yet, and there are no blocks' rows. FormatFault.
File read_head(const uint8_t *data, size_t size, size_t max_splats);

// A file that comes piece by piece: the payload of section `index`, which has to stay where it is. Basis, networks and condition
// grid go before the chunks, whatever their order otherwise. FormatFault.
void take_section(File &file, size_t index, const uint8_t *payload);

// Checks everything but the symbols; throws FormatFault. A file that ends at the end of one of its chunks is taken as
// far as it goes; one that ends elsewhere only with `partial`.
File parse(const uint8_t *data, size_t size, bool partial, size_t max_splats);

std::vector<uint8_t> encode_basis(const std::vector<int8_t> &basis, int rows, int columns);
std::vector<int8_t> decode_basis(const uint8_t *data, size_t size, int rows, int columns);

}  // namespace gsz
