// The container: header, section table, payloads. FORMAT.md is the specification.
#pragma once
#include <memory>
#include <string>

#include "decoder.hpp"
#include "faults.hpp"

namespace gsz {

inline constexpr int FORMAT_VERSION = 1;
inline constexpr uint64_t PREFIX = 16, FIXED_HEADER = 270, TABLE_ENTRY = 24;  // 64 bits, so that no sum of a file's fields overflows where size_t is 32
inline constexpr int MAX_LAYERS = 4;
inline constexpr uint64_t MAX_SPLATS_PER_BYTE = 8;  // of a geometry chunk, plus as many for free
enum SectionType : uint16_t { SECTION_BASIS = 1, SECTION_GEOMETRY = 2, SECTION_HARMONICS = 3, SECTION_ANCHORS = 4, SECTION_NETWORKS = 17, SECTION_CONDITION = 20, SECTION_ANCILLARY = 0x8000 };

constexpr bool is_chunk(uint16_t type) { return type == SECTION_GEOMETRY || type == SECTION_HARMONICS || type == SECTION_ANCHORS; }

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
    std::vector<int> lowest_class;  // by layer
    std::vector<Section> sections;
    std::vector<BlockLayout> blocks;  // rows of what is present, data pointing into the file
    std::shared_ptr<AnchorNetworks> networks;  // of a file of anchors, if they are present
    size_t networks_head = 0, grid_head = 0;   // bytes of these sections before their streams, 0: not present
    size_t splats = 0;                // in the whole file
    size_t rows = 0;                  // in the chunks that are present
    size_t chunks = 0, chunks_total = 0;
};

// Checks everything but the symbols; throws FormatFault. A file that ends at the end of one of its chunks is taken as
// far as it goes; one that ends elsewhere only with `partial`.
File parse(const uint8_t *data, size_t size, bool partial, size_t max_splats);

// The same for a reader whose bytes still come: `head_size` of the first PREFIX bytes says how many the header and the table
// take, `parse` of these (partial) makes a file without payloads, and every payload is then accepted in the order of the table:
// its checksum and counts are checked, and what later ones need of it is kept in `file`. FormatFault.
uint64_t head_size(const uint8_t *data, size_t size);
void accept(File &file, size_t section, const uint8_t *payload);
// What a block's decoder takes, of an accepted chunk.
Chunk chunk_of(const Section &s, const uint8_t *payload);

std::vector<uint8_t> encode_basis(const std::vector<int8_t> &basis, int rows, int columns);
std::vector<int8_t> decode_basis(const uint8_t *data, size_t size, int rows, int columns);

}  // namespace gsz
