#include "file.hpp"

#include <cstdio>
#include <cstring>

#include "network_payload.hpp"

namespace gsz {
namespace {

struct Crc {
    uint32_t table[256];
    Crc() {
        for (uint32_t i = 0; i < 256; ++i) {
            uint32_t c = i;
            for (int k = 0; k < 8; ++k) c = (c >> 1) ^ (c & 1 ? 0xedb88320u : 0);
            table[i] = c;
        }
    }
};

std::string text(int v) { return std::to_string(v); }
std::string text(double v) {
    char out[32];
    std::snprintf(out, sizeof out, "%g", v);
    return out;
}
std::string section_name(size_t index) { return "section " + std::to_string(index); }
std::string count_of(uint64_t n, const char *what) { return std::to_string(n) + " " + what; }

class Reader {  // little-endian fields of a header that is known to be long enough
public:
    explicit Reader(const uint8_t *p) : p_(p) {}
    template <class T>
    T take() {
        uint64_t bits = 0;
        for (size_t i = 0; i < sizeof(T); ++i) bits |= static_cast<uint64_t>(p_[i]) << (8 * i);
        p_ += sizeof(T);
        if constexpr (std::is_same_v<T, double>) return std::bit_cast<double>(bits);
        else return static_cast<T>(bits);
    }

private:
    const uint8_t *p_;
};

template <class T>
T in_range(T v, T low, T high, const char *field) {
    if (!(v >= low && v <= high)) fail(FormatFault::CORRUPT, field, text(low) + " to " + text(high), text(v));
    return v;
}

void read_header(Reader &in, File &file, size_t &splats, int &layers, size_t &blocks) {
    Params &p = file.params;
    splats = in.take<uint32_t>();
    const int degree = in_range<int>(in.take<uint8_t>(), 0, 3, "header.sh_degree");
    p.sh_rest = (degree + 1) * (degree + 1) - 1;
    p.sh_components = in_range<int>(in.take<uint8_t>(), 0, 3 * p.sh_rest, "header.sh_components");
    p.depth = in_range<int>(in.take<uint8_t>(), 1, MAX_DEPTH, "header.depth");
    layers = in_range<int>(in.take<uint8_t>(), 1, MAX_LAYERS, "header.layers");
    int above = CLASSES;
    for (int l = 0; l < MAX_LAYERS; ++l) {
        const int lowest = in.take<uint8_t>();
        if (l >= layers) continue;
        in_range<int>(lowest, 0, above - 1, "header.lowest_class");
        file.lowest_class.push_back(above = lowest);
    }
    blocks = in.take<uint32_t>();
    for (double &o : p.origin) o = in_range<double>(in.take<double>(), -1e30, 1e30, "header.origin");
    p.voxel = in_range<double>(in.take<double>(), 1e-20, 1e20, "header.voxel");
    for (int &c : p.view_centre) c = in_range<int>(in.take<int32_t>(), -(1 << 26), 1 << 26, "header.view_centre");
    p.view_radius = in_range<int>(in.take<int32_t>(), 1, 1 << 26, "header.view_radius");
    p.log2_footprint = in_range<int>(in.take<int32_t>(), -(128 << FIXED_BITS), 128 << FIXED_BITS, "header.log2_footprint");
    for (int &s : p.log2_step) s = in.take<int16_t>();
    for (int &m : p.mean) m = in_range<int>(in.take<int32_t>(), -VALUE_LIMIT, VALUE_LIMIT, "header.mean");
    for (auto &row : p.predictor)
        for (int &c : row) c = in.take<int16_t>();
    in_range<int>(in.take<uint16_t>(), 0, 0, "header.reserved");
    p.prepare();
}

bool known(const Section &s) {
    switch (s.type) {
        case SECTION_BASIS: case SECTION_GEOMETRY: case SECTION_HARMONICS: case SECTION_ANCHORS: case SECTION_NETWORKS: case SECTION_CONDITION: return s.version == 1;
        default: return s.type >= SECTION_ANCILLARY;
    }
}

// Networks, then a condition grid or none, then anchors in the place of the geometry.
void check_anchor_sections(const std::vector<Section> &sections, int layers) {
    size_t networks = 0, grids = 0, chunks = 0;
    for (const Section &s : sections) {
        if (s.type == SECTION_GEOMETRY) fail(FormatFault::CORRUPT, "sections", "anchors or geometry", "both");
        if (s.type == SECTION_NETWORKS && (networks++ || grids || chunks)) fail(FormatFault::CORRUPT, "sections", "networks once and first", "others");
        if (s.type == SECTION_CONDITION && (grids++ || !networks || chunks)) fail(FormatFault::CORRUPT, "sections", "one condition grid between networks and anchors", "others");
        if (s.type == SECTION_ANCHORS && (++chunks, !networks)) fail(FormatFault::CORRUPT, "sections", "networks before the anchors", "none");
    }
    if (!networks) fail(FormatFault::CORRUPT, "sections", "networks before the anchors", "none");
    if (layers != 1) fail(FormatFault::CORRUPT, "header.layers", "1 of anchors", std::to_string(layers));
}

// Chunks of geometry (or anchors) come layer by layer, in each layer block by block, then the harmonics in the same order; the
// basis before those.
void check_order(const File &file, size_t blocks, int layers) {
    for (const Section &s : file.sections)
        if (s.type == SECTION_ANCHORS || s.type == SECTION_NETWORKS || s.type == SECTION_CONDITION) {
            check_anchor_sections(file.sections, layers);
            break;
        }
    size_t geometry = 0, harmonics = 0;
    uint64_t splats = 0;
    bool basis = false;
    std::vector<uint32_t> counts;
    for (const Section &s : file.sections) {
        const std::string name = section_name(&s - file.sections.data());
        if (s.type >= SECTION_ANCILLARY || s.type == SECTION_NETWORKS || s.type == SECTION_CONDITION) continue;
        if (s.type == SECTION_BASIS) {
            if (basis || !file.params.sh_components) fail(FormatFault::CORRUPT, "sections", file.params.sh_components ? "one basis" : "no basis", "another");
            basis = true;
            continue;
        }
        size_t &done = s.type == SECTION_HARMONICS ? harmonics : geometry;
        if (s.block != done % blocks || s.layer != done / blocks || done >= blocks * layers)
            fail(FormatFault::CORRUPT, name + ".block, .layer", std::to_string(done % blocks) + ", " + std::to_string(done / blocks), std::to_string(s.block) + ", " + std::to_string(s.layer));
        if (s.type != SECTION_HARMONICS) {
            if (s.splats > MAX_SPLATS_PER_BYTE * (uint64_t{s.size} + 1))
                fail(FormatFault::CORRUPT, name + ".splats", "at most " + std::to_string(MAX_SPLATS_PER_BYTE) + " per byte", std::to_string(s.splats));
            counts.push_back(s.splats);
            splats += s.splats;
        } else if (geometry != blocks * layers) {
            fail(FormatFault::CORRUPT, "sections", "all geometry before the harmonics", name);
        } else if (done >= counts.size() || counts[done] != s.splats) {
            fail(FormatFault::CORRUPT, name + ".splats", "as many as the geometry chunk has", std::to_string(s.splats));
        } else if (!basis) {
            fail(FormatFault::CORRUPT, "sections", "the basis before the harmonics", "none");
        }
        ++done;
    }
    if (geometry != blocks * layers) fail(FormatFault::CORRUPT, "sections", count_of(blocks * layers, "geometry chunks"), std::to_string(geometry));
    const size_t wanted = file.params.sh_components ? blocks * layers : 0;
    if (harmonics != wanted) fail(FormatFault::CORRUPT, "sections", count_of(wanted, "harmonics chunks"), std::to_string(harmonics));
    if (splats != file.splats) fail(FormatFault::CORRUPT, "header.splats", count_of(splats, "in the chunks"), std::to_string(file.splats));
}

size_t anchors_in(const uint8_t *payload) { return Reader(payload).take<uint32_t>(); }

// Counts of an anchors chunk against each other and its size.
void check_anchors(const Section &s, const uint8_t *payload, const AnchorNetworks &networks, const std::string &name) {
    if (s.size < ANCHORS_HEAD) fail(FormatFault::CORRUPT, name, count_of(ANCHORS_HEAD, "bytes or more"), std::to_string(s.size));
    const uint64_t anchors = anchors_in(payload);
    if (anchors > s.splats || s.splats > anchors * static_cast<uint64_t>(networks.slots))
        fail(FormatFault::CORRUPT, name + ".anchors", "1 to " + std::to_string(networks.slots) + " splats in each", count_of(anchors, "anchors"));
    if (anchors * networks.work() > MAX_WORK_PER_BYTE * (uint64_t{s.size} + 1))
        fail(FormatFault::CORRUPT, name + ".anchors", "work of at most " + std::to_string(MAX_WORK_PER_BYTE) + " per byte", std::to_string(anchors * networks.work()));
}

// The fields of fixed form in a payload of a file of anchors; they tell what its stream may hold.
void read_fields(File &file, size_t index, const uint8_t *payload) {
    const Section &s = file.sections[index];
    if (s.type == SECTION_NETWORKS) {
        file.networks = std::make_shared<AnchorNetworks>(read_networks_head(payload, s.size, file.networks_head));
    } else if (s.type == SECTION_CONDITION) {
        file.networks->grid = read_grid_head(payload, s.size, *file.networks, file.grid_head);
    } else if (s.type == SECTION_ANCHORS) {
        if (!file.grid_head && file.networks->condition) fail(FormatFault::CORRUPT, "sections", "a condition grid before the anchors", "none");
        check_anchors(s, payload, *file.networks, section_name(index));
    }
}

// The streams behind the fields.
void read_stream(File &file, const Section &s, const uint8_t *payload) {
    if (s.type == SECTION_NETWORKS) in_stream("networks", [&] { decode_networks(*file.networks, payload + file.networks_head, s.size - file.networks_head); });
    if (s.type == SECTION_CONDITION) in_stream("condition", [&] { decode_grid(file.networks->grid, payload + file.grid_head, s.size - file.grid_head); });
}

void read_basis(Params &p, const Section &s, const uint8_t *payload) {
    in_stream("basis", [&] {
        const auto rows = decode_basis(payload, s.size, p.sh_components, 3 * p.sh_rest);
        p.sh_basis.assign(rows.begin(), rows.end());
    });
}

void check_payload(const Section &s, size_t index, const uint8_t *payload) {
    if (crc32(payload, s.size) != s.crc) fail(FormatFault::CORRUPT, section_name(index) + ".crc32", "the checksum of its bytes", "another");
}

}  // namespace

uint32_t crc32(const uint8_t *data, size_t size) {
    static const Crc crc;
    uint32_t c = 0xffffffffu;
    for (size_t i = 0; i < size; ++i) c = crc.table[(c ^ data[i]) & 255] ^ (c >> 8);
    return ~c;
}

uint64_t head_size(const uint8_t *data, size_t size) {
    if (size < 4 || std::memcmp(data, "GSZ\x1a", 4) != 0) {
        if (size > 0 && size < 4 && std::memcmp(data, "GSZ\x1a", size) == 0) fail(FormatFault::TRUNCATED, "header", count_of(FIXED_HEADER, "bytes or more"), count_of(size, "bytes"));
        fail(FormatFault::BAD_MAGIC, "magic", "GSZ\\x1a", "other bytes");
    }
    if (size < PREFIX) fail(FormatFault::TRUNCATED, "header", count_of(FIXED_HEADER, "bytes or more"), count_of(size, "bytes"));
    Reader in(data + 4);
    const int version = in.take<uint16_t>();
    if (version != FORMAT_VERSION) fail(FormatFault::UNSUPPORTED, "header.version", "1", std::to_string(version) + " (a newer gscompress wrote this file)");
    const int flags = in.take<uint16_t>();
    if (flags & ~1) fail(FormatFault::UNSUPPORTED, "header.flags", "0 or 1", std::to_string(flags));
    const uint64_t header = in.take<uint32_t>();
    if (header < FIXED_HEADER) fail(FormatFault::CORRUPT, "header.size", count_of(FIXED_HEADER, "bytes or more"), std::to_string(header));
    return header;
}

File parse(const uint8_t *data, size_t size, bool partial, size_t max_splats) {
    const uint64_t header = head_size(data, size);
    Reader in(data + 6);
    const int flags = in.take<uint16_t>();
    in.take<uint32_t>();
    const uint32_t crc = in.take<uint32_t>();
    if (size < header) fail(FormatFault::TRUNCATED, "header", count_of(header, "bytes"), count_of(size, "bytes"));
    if (crc32(data + PREFIX, header - PREFIX) != crc) fail(FormatFault::CORRUPT, "header.crc32", "the checksum of the header", "another");

    File file;
    file.antialiased = flags & 1;
    int layers = 0;
    size_t blocks = 0;
    read_header(in, file, file.splats, layers, blocks);
    const uint64_t count = in.take<uint32_t>();
    if (header != FIXED_HEADER + count * TABLE_ENTRY) fail(FormatFault::CORRUPT, "header.sections", count_of((header - FIXED_HEADER) / TABLE_ENTRY, "table entries"), std::to_string(count));
    if (file.splats > max_splats) fail(FormatFault::UNSUPPORTED, "header.splats", "at most " + std::to_string(max_splats), std::to_string(file.splats));
    if (blocks < 1 || blocks > count) fail(FormatFault::CORRUPT, "header.blocks", "1 to " + std::to_string(count), std::to_string(blocks));

    uint64_t offset = header;
    bool whole = true;
    for (size_t i = 0; i < count; ++i) {
        Section s;
        s.type = in.take<uint16_t>();
        s.version = in.take<uint16_t>();
        s.block = in.take<uint32_t>();
        s.layer = in.take<uint16_t>();
        const int reserved = in.take<uint16_t>();
        s.splats = in.take<uint32_t>();
        s.size = in.take<uint32_t>();
        s.crc = in.take<uint32_t>();
        s.offset = offset;
        const std::string name = section_name(i);
        if (!known(s))
            fail(FormatFault::UNSUPPORTED, name + ".type", "a known section", std::to_string(s.type) + " version " + std::to_string(s.version) + " (a newer gscompress wrote this file)");
        if (reserved) fail(FormatFault::CORRUPT, name + ".reserved", "0", std::to_string(reserved));
        offset += s.size;
        s.present = whole && offset <= size;
        if (whole && !s.present) {
            whole = false;
            if (size != s.offset && !partial)
                fail(FormatFault::TRUNCATED, name, count_of(s.size, "bytes"), count_of(size - s.offset, "bytes (a cut file can be read up to its last whole chunk: ask for a partial decode)"));
        }
        if (s.present) check_payload(s, i, data + s.offset);
        file.sections.push_back(s);
    }
    if (whole && size != offset) fail(FormatFault::CORRUPT, "file", count_of(offset, "bytes"), count_of(size, "bytes"));
    check_order(file, blocks, layers);

    file.blocks.resize(blocks);
    for (size_t i = 0; i < count; ++i)
        if (file.sections[i].present) read_fields(file, i, data + file.sections[i].offset);
    for (const Section &s : file.sections)
        if (s.present) read_stream(file, s, data + s.offset);
    for (const Section &s : file.sections) {
        const bool chunk = is_chunk(s.type);
        file.chunks_total += chunk;
        file.chunks += chunk && s.present;
        if (!s.present) continue;
        if (s.type == SECTION_BASIS) {
            read_basis(file.params, s, data + s.offset);
        } else if (chunk) {
            BlockLayout &b = file.blocks[s.block];
            auto &list = s.type == SECTION_HARMONICS ? b.sh : b.geometry;
            list.resize(s.layer + size_t{1});
            list[s.layer] = chunk_of(s, data + s.offset);
            if (s.type != SECTION_HARMONICS) file.rows += s.splats;
        }
    }
    size_t row = 0;
    for (BlockLayout &b : file.blocks) {
        b.first = row;
        for (const Chunk &c : b.geometry) row += c.splats;
    }
    return file;
}

void accept(File &file, size_t index, const uint8_t *payload) {
    const Section &s = file.sections[index];
    check_payload(s, index, payload);
    read_fields(file, index, payload);
    read_stream(file, s, payload);
    if (s.type == SECTION_BASIS) read_basis(file.params, s, payload);
}

Chunk chunk_of(const Section &s, const uint8_t *payload) {
    if (s.type == SECTION_ANCHORS) return {payload + ANCHORS_HEAD, s.size - ANCHORS_HEAD, s.splats, anchors_in(payload)};
    return {payload, s.size, s.splats, 0};
}

std::vector<uint8_t> encode_basis(const std::vector<int8_t> &basis, int rows, int columns) {
    EncodeIO io;
    Decisions<1> model(SIGNED_NODES, {64});
    for (int r = 0; r < rows; ++r)
        for (int c = 0; c < columns; ++c) code_signed(io, model, model.at({c}), basis[static_cast<size_t>(r) * columns + c]);
    return io.coder.finish();
}

std::vector<int8_t> decode_basis(const uint8_t *data, size_t size, int rows, int columns) {
    DecodeIO io{RangeDecoder(data, size)};
    Decisions<1> model(SIGNED_NODES, {64});
    std::vector<int8_t> out;
    for (int r = 0; r < rows; ++r)
        for (int c = 0; c < columns; ++c) {
            const int v = code_signed(io, model, model.at({c}), 0);
            if (v < -127 || v > 127) broken("a basis entry beyond 127");
            out.push_back(static_cast<int8_t>(v));
        }
    io.check_end();
    return out;
}

}  // namespace gsz
