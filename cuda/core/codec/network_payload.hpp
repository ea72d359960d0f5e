// The sections that hold networks and condition grids: fields of a fixed form, then a stream. FORMAT.md has both.
#pragma once
#include "faults.hpp"
#include "networks.hpp"

namespace gsz {

inline constexpr uint64_t MAX_SYMBOLS_PER_BYTE = 64;  // of weights and grid entries, plus as many for free

std::vector<uint8_t> encode_networks(const AnchorNetworks &networks);
std::vector<uint8_t> encode_grid(const ConditionGrid &grid);

// The fields before the stream, checked; everything but weights, biases, shifts and the grid is there then. FormatFault.
// `head` is how many bytes they take.
AnchorNetworks read_networks_head(const uint8_t *data, size_t size, size_t &head);
// The same of a grid that belongs to these networks.
ConditionGrid read_grid_head(const uint8_t *data, size_t size, const AnchorNetworks &networks, size_t &head);

// The streams behind, into what the heads announced; Fault.
void decode_networks(AnchorNetworks &networks, const uint8_t *data, size_t size);
void decode_grid(ConditionGrid &grid, const uint8_t *data, size_t size);

}  // namespace gsz
