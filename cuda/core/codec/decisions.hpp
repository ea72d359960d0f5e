// Adaptive binary probabilities by online logistic regression in integers: the log odds of a decision are the sum of one
// learned term for each of its contexts, and every term moves by its own rate times the error that they share. FORMAT.md,
// "Decisions". Encoder, decoder and cost estimator run the same code.
#pragma once
#include <array>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "detmath.hpp"
#include "range_coder.hpp"

namespace gsz {

inline constexpr int MAX_CONTEXTS = 4;
inline constexpr int SEEN_LIMIT = 255;  // a term's count of decisions stops here

struct Tables {
    std::array<uint16_t, 4096> squash;  // 65536 / (1 + exp(-(i - 2048) / 256)), within [32, 65504]
    std::array<std::array<int32_t, SEEN_LIMIT + 1>, MAX_CONTEXTS + 1> rate;  // by contexts and decisions seen, in 1/16384
    std::array<float, 4096> cost;       // bits of an event of probability (i + 1/2) / 4096 (encoder only)
    Tables();
};
extern const Tables TABLES;

struct EncodeIO {
    RangeEncoder coder;
    double *bits = nullptr;  // where the cost of what is coded is added up, for statistics
    static constexpr bool learns = true;
    int code(int bit, uint32_t p) {
        if (bits) *bits += TABLES.cost[(bit ? p : 65536 - p) >> 4];
        coder.code(bit, p);
        return bit;
    }
};
struct DecodeIO {
    RangeDecoder coder;
    static constexpr bool learns = true;
    int code(int, uint32_t p) { return coder.code(p); }
    void check() const {
        if (coder.overrun() > RangeDecoder::AHEAD) broken("the stream ends before its last symbol");
    }
    void check_end() const {
        check();
        if (!coder.only_zeros_left()) broken("bytes are left after the last symbol");
    }
};
struct CostIO {  // what a symbol would cost now, in bits; nothing is learned
    double bits = 0;
    static constexpr bool learns = false;
    int code(int bit, uint32_t p) {
        bits += TABLES.cost[(bit ? p : 65536 - p) >> 4];
        return bit;
    }
};

// Whether what is coded is decided here: what only an encoder wants is then left out of decoders.
template <class IO>
inline constexpr bool encodes = std::is_same_v<IO, EncodeIO>;

// A family of binary decisions ("nodes") seen under I contexts at once. A term is 24 bits, two's complement, in 1/65536 nat,
// above 8 bits that count its decisions.
template <int I>
class Decisions {
    static_assert(I <= MAX_CONTEXTS);

public:
    using Context = std::array<uint32_t *, I>;  // the terms of each context's value, by node

    Decisions(int nodes, const std::array<int, I> &contexts) : nodes_(nodes) {
        size_t rows = 0;
        for (int i = 0; i < I; ++i) {
            first_[i] = rows;
            rows += contexts[i];
        }
        terms_.resize(rows * nodes + LINE);
        const size_t past = reinterpret_cast<uintptr_t>(terms_.data()) / sizeof(uint32_t) % LINE;
        base_ = terms_.data() + (LINE - past) % LINE;  // the rows of families with many nodes begin with a cache line
    }
    Decisions(const Decisions &) = delete;
    Decisions(Decisions &&) = default;

    Context at(const std::array<int, I> &values) const {
        Context c;
        for (int i = 0; i < I; ++i) c[i] = base_ + (first_[i] + values[i]) * nodes_;
        return c;
    }

    // As `at`, and asks for the memory of the first nodes.
    Context expect(const std::array<int, I> &values) const {
        const Context c = at(values);
        for (uint32_t *row : c) __builtin_prefetch(row, 1);
        return c;
    }

    template <class IO>
    int code(IO &io, const Context &context, int node, int bit) {
        uint32_t sum = 0;
        for (int i = 0; i < I; ++i) sum += context[i][node];
        int x = static_cast<int32_t>(sum) >> 16;
        x = x < -2047 ? -2047 : (x > 2047 ? 2047 : x);
        const uint32_t p = TABLES.squash[x + 2048];
        bit = io.code(bit, p);
        if constexpr (IO::learns) {
            const int error = (bit << 16) - static_cast<int>(p);
            for (int i = 0; i < I; ++i) {
                const uint32_t term = context[i][node], seen = term & SEEN_LIMIT;
                const uint32_t moved = static_cast<uint32_t>((error * TABLES.rate[I][seen]) >> 6) & ~uint32_t{SEEN_LIMIT};
                context[i][node] = term + moved + (seen < SEEN_LIMIT);
            }
        }
        return bit;
    }

private:
    static constexpr size_t LINE = 64 / sizeof(uint32_t);
    int nodes_;
    std::array<size_t, I> first_;
    std::vector<uint32_t> terms_;
    uint32_t *base_;
};

}  // namespace gsz
