// Adaptive binary probabilities: several context-selected counters, mixed in the logistic domain with learned weights
// (the mixing of Mahoney's PAQ family, integers only). Encoder, decoder and cost estimator run the same code.
#pragma once
#include <array>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "detmath.hpp"
#include "range_coder.hpp"

namespace gsz {

// Fixed tables; FORMAT.md, "Tables".
struct Tables {
    std::array<int16_t, 4096> stretch;    // ln(p / (1 - p)) * 256 of p = (i + 1/2) / 4096
    std::array<uint16_t, 4096> squash;    // 65536 / (1 + exp(-(i - 2048) / 256)), within [32, 65504]
    std::array<float, 4096> cost;         // bits of an event of probability (i + 1/2) / 4096 (encoder only)
    std::array<uint16_t, 256> rate;       // 65536 / (n + 2)
    Tables();
};
extern const Tables TABLES;

struct Counter {
    uint16_t p = 32768;
    uint16_t n = 0;
};

inline constexpr int COUNTER_LIMIT = 120;
inline constexpr int LEARNING_SHIFT = 15;
inline constexpr int WEIGHT_LIMIT = 1 << 20;

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
struct Fault : std::runtime_error {  // the stream contradicts itself or its header
    using std::runtime_error::runtime_error;
};

struct DecodeIO {
    RangeDecoder coder;
    static constexpr bool learns = true;
    int code(int, uint32_t p) { return coder.code(p); }
    void check() const {
        if (coder.overrun() > 4) throw Fault("the stream ends before its last symbol");
    }
    void check_end() const {
        check();
        if (!coder.only_zeros_left()) throw Fault("bytes are left after the last symbol");
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

// A family of binary decisions ("nodes") seen under I contexts at once.
template <int I>
class Mixed {
public:
    Mixed(int nodes, const std::array<int, I> &contexts) : nodes_(nodes), weights_(static_cast<size_t>(nodes) * I, 65536 * 2 / (I + 1)) {
        for (int i = 0; i < I; ++i) counters_[i].resize(static_cast<size_t>(nodes) * contexts[i]);
    }

    // Fetches what the next decisions under these contexts will need.
    void expect(const std::array<int, I> &context) const {
        for (int i = 0; i < I; ++i) __builtin_prefetch(&counters_[i][static_cast<size_t>(context[i]) * nodes_], 1);
    }

    template <class IO>
    int code(IO &io, const std::array<int, I> &context, int node, int bit) {
        const Tables &t = TABLES;
        Counter *c[I];
        int st[I];
        int64_t dot = 0;
        int32_t *w = &weights_[static_cast<size_t>(node) * I];
        for (int i = 0; i < I; ++i) {
            c[i] = &counters_[i][static_cast<size_t>(context[i]) * nodes_ + node];
            st[i] = t.stretch[c[i]->p >> 4];
            dot += static_cast<int64_t>(w[i]) * st[i];
        }
        int x = static_cast<int>(dot >> 16);
        x = x < -2047 ? -2047 : (x > 2047 ? 2047 : x);
        const uint32_t p = t.squash[x + 2048];
        bit = io.code(bit, p);
        if constexpr (IO::learns) {
            const int error = (bit << 16) - static_cast<int>(p);
            for (int i = 0; i < I; ++i) {
                const int moved = w[i] + ((st[i] * error + (1 << (LEARNING_SHIFT - 1))) >> LEARNING_SHIFT);
                w[i] = moved > WEIGHT_LIMIT ? WEIGHT_LIMIT : (moved < -WEIGHT_LIMIT ? -WEIGHT_LIMIT : moved);
                const int target = bit ? 65535 : 0;
                c[i]->p = static_cast<uint16_t>(c[i]->p + (((target - c[i]->p) * static_cast<int>(t.rate[c[i]->n])) >> 16));
                if (c[i]->n < COUNTER_LIMIT) ++c[i]->n;
            }
        }
        return bit;
    }

private:
    int nodes_;
    std::array<std::vector<Counter>, I> counters_;
    std::vector<int32_t> weights_;
};

}  // namespace gsz
