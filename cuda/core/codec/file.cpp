#include "file.hpp"

#include <cstring>

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

[[noreturn]] void fail(FormatFault::Kind kind, std::string field, std::string expected, std::string found) {
    throw FormatFault{kind, std::move(field), std::move(expected), std::move(found)};
}

std::string text(double v) {
    std::string s = std::to_string(v);
    return s;
}
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
    if (!(v >= low && v <= high)) fail(FormatFault::CORRUPT, field, text(static_cast<double>(low)) + " to " + text(static_cast<double>(high)), text(static_cast<double>(v)));
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

// Geometry chunks come layer by layer, in each layer block by block, then the harmonics in the same order; the basis before those.
void check_order(const File &file, size_t blocks, int layers) {
    size_t geometry = 0, harmonics = 0;
    uint64_t splats = 0;
    bool basis = false;
    std::vector<uint32_t> counts;
    for (const Section &s : file.sections) {
        const std::string name = "section " + std::to_string(&s - file.sections.data());
        if (s.type >= SECTION_ANCILLARY) continue;
        if (s.type == SECTION_BASIS) {
            if (basis || !file.params.sh_components) fail(FormatFault::CORRUPT, "sections", file.params.sh_components ? "one basis" : "no basis", "another");
            basis = true;
            continue;
        }
        size_t &done = s.type == SECTION_GEOMETRY ? geometry : harmonics;
        if (s.block != done % blocks || s.layer != done / blocks || done >= blocks * layers)
            fail(FormatFault::CORRUPT, name + ".block, .layer", std::to_string(done % blocks) + ", " + std::to_string(done / blocks), std::to_string(s.block) + ", " + std::to_string(s.layer));
        if (s.type == SECTION_GEOMETRY) {
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

}  // namespace

uint32_t crc32(const uint8_t *data, size_t size) {
    static const Crc crc;
    uint32_t c = 0xffffffffu;
    for (size_t i = 0; i < size; ++i) c = crc.table[(c ^ data[i]) & 255] ^ (c >> 8);
    return ~c;
}

File parse(const uint8_t *data, size_t size, bool partial, size_t max_splats) {
    if (size < 4 || std::memcmp(data, "GSZ\x1a", 4) != 0) {
        if (size > 0 && size < 4 && std::memcmp(data, "GSZ\x1a", size) == 0) fail(FormatFault::TRUNCATED, "header", count_of(FIXED_HEADER, "bytes or more"), count_of(size, "bytes"));
        fail(FormatFault::BAD_MAGIC, "magic", "GSZ\\x1a", "other bytes");
    }
    if (size < 16) fail(FormatFault::TRUNCATED, "header", count_of(FIXED_HEADER, "bytes or more"), count_of(size, "bytes"));
    Reader in(data + 4);
    const int version = in.take<uint16_t>();
    if (version != FORMAT_VERSION) fail(FormatFault::UNSUPPORTED, "header.version", "1", std::to_string(version) + " (a newer gscompress wrote this file)");
    const int flags = in.take<uint16_t>();
    if (flags & ~1) fail(FormatFault::UNSUPPORTED, "header.flags", "0 or 1", std::to_string(flags));
    const uint64_t header = in.take<uint32_t>();
    const uint32_t crc = in.take<uint32_t>();
    if (header < FIXED_HEADER) fail(FormatFault::CORRUPT, "header.size", count_of(FIXED_HEADER, "bytes or more"), std::to_string(header));
    if (size < header) fail(FormatFault::TRUNCATED, "header", count_of(header, "bytes"), count_of(size, "bytes"));
    if (crc32(data + 16, header - 16) != crc) fail(FormatFault::CORRUPT, "header.crc32", "the checksum of the header", "another");

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
        const std::string name = "section " + std::to_string(i);
        if (s.type < SECTION_ANCILLARY && (s.type < SECTION_BASIS || s.type > SECTION_HARMONICS || s.version != 1))
            fail(FormatFault::UNSUPPORTED, name + ".type", "a known section", std::to_string(s.type) + " version " + std::to_string(s.version) + " (a newer gscompress wrote this file)");
        if (reserved) fail(FormatFault::CORRUPT, name + ".reserved", "0", std::to_string(reserved));
        offset += s.size;
        s.present = whole && offset <= size;
        if (whole && !s.present) {
            whole = false;
            if (size != s.offset && !partial)
                fail(FormatFault::TRUNCATED, name, count_of(s.size, "bytes"), count_of(size - s.offset, "bytes (a cut file can be read up to its last whole chunk: ask for a partial decode)"));
        }
        if (s.present && crc32(data + s.offset, s.size) != s.crc) fail(FormatFault::CORRUPT, name + ".crc32", "the checksum of its bytes", "another");
        file.sections.push_back(s);
    }
    if (whole && size != offset) fail(FormatFault::CORRUPT, "file", count_of(offset, "bytes"), count_of(size, "bytes"));
    check_order(file, blocks, layers);

    file.blocks.resize(blocks);
    Params &p = file.params;
    for (const Section &s : file.sections) {
        const bool chunk = s.type == SECTION_GEOMETRY || s.type == SECTION_HARMONICS;
        file.chunks_total += chunk;
        file.chunks += chunk && s.present;
        if (!s.present) continue;
        if (s.type == SECTION_BASIS) {
            try {
                const auto rows = decode_basis(data + s.offset, s.size, p.sh_components, 3 * p.sh_rest);
                p.sh_basis.assign(rows.begin(), rows.end());
            } catch (const Fault &f) {
                fail(FormatFault::CORRUPT, "basis", "a sound stream", f.what());
            }
        } else if (chunk) {
            BlockLayout &b = file.blocks[s.block];
            auto &list = s.type == SECTION_GEOMETRY ? b.geometry : b.sh;
            list.resize(s.layer + size_t{1});
            list[s.layer] = {data + s.offset, s.size, s.splats};
            if (s.type == SECTION_GEOMETRY) file.rows += s.splats;
        }
    }
    size_t row = 0;
    for (BlockLayout &b : file.blocks) {
        b.first = row;
        for (const Chunk &c : b.geometry) row += c.splats;
    }
    return file;
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
            if (v < -127 || v > 127) throw Fault("a basis entry beyond 127");
            out.push_back(static_cast<int8_t>(v));
        }
    io.check_end();
    return out;
}

}  // namespace gsz
