// Binarisation of small signed integers: zero?, sign, bucket floor(log2 |v|) in unary, mantissa (two bits modelled,
// the rest at probability 1/2).
#pragma once
#include <array>
#include <bit>
#include <cstdint>

#include "decisions.hpp"

namespace gsz {

inline constexpr int MAX_BUCKET = 22;                         // |v| < 2^23
inline constexpr int MAX_MAGNITUDE = (1 << (MAX_BUCKET + 1)) - 1;
// Nodes of a signed integer. Those of one bucket lie together, so that small values stay within a cache line.
inline constexpr int NODE_ZERO = 0, NODE_SIGN = 1, SIGNED_NODES = 96;
inline constexpr int node_bucket(int b) { return 4 + 4 * b; }         // is the bucket above b?
inline constexpr int node_first(int b) { return 5 + 4 * b; }          // the mantissa's first bit
inline constexpr int node_second(int b, int first) { return 6 + 4 * b + first; }
static_assert(node_second(MAX_BUCKET, 1) < SIGNED_NODES);

template <class IO>
int code_raw(IO &io, int bits, int value) {  // `bits` equiprobable bits, most significant first
    int out = 0;
    for (int i = bits - 1; i >= 0; --i) out = (out << 1) | io.code((value >> i) & 1, 32768);
    return out;
}

template <class IO, class Model>
int code_magnitude(IO &io, Model &model, const typename Model::Context &context, int magnitude) {  // >= 1
    int want = 0;
    while (want < MAX_BUCKET && (magnitude >> (want + 1)) != 0) ++want;
    int bucket = 0;
    while (bucket < MAX_BUCKET && model.code(io, context, node_bucket(bucket), bucket < want)) ++bucket;
    int value = 1;
    if (bucket >= 1) value = 2 + model.code(io, context, node_first(bucket), (magnitude >> (bucket - 1)) & 1);
    if (bucket >= 2) value = 2 * value + model.code(io, context, node_second(bucket, value & 1), (magnitude >> (bucket - 2)) & 1);
    if (bucket >= 3) {
        const int low = bucket - 2;
        value = (value << low) | code_raw(io, low, magnitude & ((1 << low) - 1));
    }
    return value;
}

template <class IO, class Model>
int code_signed(IO &io, Model &model, const typename Model::Context &context, int value) {
    if (model.code(io, context, NODE_ZERO, value == 0)) return 0;
    const int negative = model.code(io, context, NODE_SIGN, value < 0);
    const int magnitude = code_magnitude(io, model, context, value < 0 ? -value : value);
    return negative ? -magnitude : magnitude;
}

// Small helpers for contexts.
inline int clip(int v, int lo, int hi) { return v < lo ? lo : (v > hi ? hi : v); }
inline int floor_log2(uint32_t v) {  // -1 for 0
    return std::bit_width(v) - 1;
}

}  // namespace gsz
