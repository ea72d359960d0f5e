// Fuzzing of the decoder: every input is tried as it is and with its checksums mended, so that hostile symbols reach the
// coder. A libFuzzer entry, or with GSZ_FUZZ_MAIN a program of its own:
//     decode_fuzz MUTATIONS FILE...      each file, then so many random changes of it
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "codec/file.hpp"

namespace {

using namespace gsz;

constexpr size_t MAX_SPLATS = 1 << 14;  // keeps one input quick
enum Field : size_t { HEADER_SIZE = 8, HEADER_CRC = 12, SPLATS = 16, PARAMETERS = 20, TABLE = FIXED_HEADER, ENTRY_TYPE = 0, ENTRY_SPLATS = 12, ENTRY_SIZE = 16, ENTRY_CRC = 20 };

uint32_t load(const std::vector<uint8_t> &f, size_t at) { return f[at] | f[at + 1] << 8 | f[at + 2] << 16 | static_cast<uint32_t>(f[at + 3]) << 24; }
void store(std::vector<uint8_t> &f, size_t at, uint32_t v) {
    for (int i = 0; i < 4; ++i) f[at + i] = static_cast<uint8_t>(v >> (8 * i));
}
// Table entries that are wholly in the file; 0 where the header is not.
size_t entries(const std::vector<uint8_t> &f) {
    if (f.size() < TABLE) return 0;
    const size_t header = load(f, HEADER_SIZE);
    return header < TABLE || header > f.size() ? 0 : (header - TABLE) / TABLE_ENTRY;
}

void mend(std::vector<uint8_t> &f) {
    const size_t count = entries(f);
    if (!count) return;
    uint64_t offset = load(f, HEADER_SIZE);
    for (size_t i = 0; i < count; ++i) {
        const size_t entry = TABLE + i * TABLE_ENTRY, size = load(f, entry + ENTRY_SIZE);
        if (offset + size > f.size()) break;
        store(f, entry + ENTRY_CRC, crc32(f.data() + offset, size));
        offset += size;
    }
    store(f, HEADER_CRC, crc32(f.data() + 16, load(f, HEADER_SIZE) - 16));
}

// Decodes or is refused; anything else ends the program.
bool decode(const std::vector<uint8_t> &f, bool partial) {
    try {
        const File file = parse(f.data(), f.size(), partial, MAX_SPLATS);
        const size_t n = file.rows, k = 3 * (1 + static_cast<size_t>(file.params.sh_rest));
        std::vector<float> means(3 * n), quats(4 * n), log_scales(3 * n), logits(n), sh(k * n);
        decode_blocks(file.params, file.networks.get(), file.lowest_class, file.blocks, {means.data(), quats.data(), log_scales.data(), logits.data(), sh.data()}, 1);
        for (const auto *values : {&means, &quats, &log_scales, &logits, &sh})
            for (float v : *values)
                if (!std::isfinite(v)) std::abort();
        return true;
    } catch (const FormatFault &) {
    }
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::vector<uint8_t> f(data, data + size);
    decode(f, false);
    mend(f);
    decode(f, true);
    return 0;
}

#ifdef GSZ_FUZZ_MAIN
namespace {

uint64_t state = 0x9e3779b97f4a7c15ULL;
uint64_t random_below(uint64_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return n ? (state >> 11) % n : 0;
}

void flip(std::vector<uint8_t> &f, size_t first, size_t last) {
    static constexpr uint8_t EXTREMES[] = {0, 1, 127, 128, 254, 255};
    if (first >= last) return;
    const size_t at = first + random_below(last - first);
    f[at] = random_below(2) ? EXTREMES[random_below(6)] : static_cast<uint8_t>(random_below(256));
}

// Changes the count of one chunk of geometry or anchors and of whatever has to agree with it.
void recount(std::vector<uint8_t> &f) {
    const size_t count = entries(f);
    std::vector<size_t> geometry, harmonics;
    for (size_t i = 0; i < count; ++i) {
        const size_t entry = TABLE + i * TABLE_ENTRY, type = f[entry + ENTRY_TYPE];
        if (type == SECTION_GEOMETRY || type == SECTION_ANCHORS) geometry.push_back(entry);
        if (type == SECTION_HARMONICS) harmonics.push_back(entry);
    }
    if (geometry.empty()) return;
    const size_t which = random_below(geometry.size());
    const uint32_t before = load(f, geometry[which] + ENTRY_SPLATS), after = random_below(2) ? random_below(64) : before + random_below(9) - 4;
    store(f, geometry[which] + ENTRY_SPLATS, after);
    if (which < harmonics.size()) store(f, harmonics[which] + ENTRY_SPLATS, after);
    store(f, SPLATS, load(f, SPLATS) - before + after);
}

std::vector<uint8_t> changed(std::vector<uint8_t> f) {
    const size_t header = f.size() < TABLE ? f.size() : std::min<size_t>(load(f, HEADER_SIZE), f.size());
    for (size_t n = 1 + random_below(4); n-- > 0;) switch (random_below(8)) {
        case 0: flip(f, 0, f.size()); break;
        case 1: flip(f, PARAMETERS, std::min<size_t>(header, TABLE)); break;
        case 2: recount(f); break;
        case 3: for (int i = 0; i < 32; ++i) flip(f, header, f.size()); break;
        case 4: {  // a run of zeros decodes to ones, a run of ones to zeros: the longest codes there are
            const size_t first = header + random_below(f.size() - header), last = std::min(f.size(), first + 1 + random_below(64));
            std::fill(f.begin() + first, f.begin() + last, random_below(2) ? 0 : 255);
            break;
        }
        default: flip(f, header, f.size());
    }
    if (random_below(16) == 0) f.resize(random_below(f.size() + 1));
    return f;
}

}  // namespace

int main(int argc, char **argv) {
    const long mutations = argc > 1 ? std::atol(argv[1]) : 0;
    size_t inputs = 0, decoded = 0;
    for (int i = 2; i < argc; ++i) {
        std::vector<uint8_t> f;
        std::FILE *in = std::fopen(argv[i], "rb");
        if (!in) return std::perror(argv[i]), 1;
        for (int c; (c = std::fgetc(in)) != EOF;) f.push_back(static_cast<uint8_t>(c));
        std::fclose(in);
        LLVMFuzzerTestOneInput(f.data(), f.size());
        for (long k = 0; k < mutations; ++k, ++inputs) {
            std::vector<uint8_t> other = changed(f);
            decode(other, false);
            mend(other);
            decoded += decode(other, true);
        }
    }
    std::printf("%zu changed inputs, %zu of them decoded\n", inputs, decoded);
}
#endif
