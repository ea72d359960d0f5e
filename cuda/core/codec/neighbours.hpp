// What has been decoded near a place: running means of the attributes in cells of two sizes, and the cell's last splat.
#pragma once
#include <cstdint>
#include <vector>

#include "hashing.hpp"
#include "params.hpp"

namespace gsz {

struct Cell {
    int count = 0;
    int last = -1;
    std::array<int, SCALARS> value{};  // running mean, fixed point
    std::array<int, SCALARS> error{};  // running mean of |value - prediction|, fixed point
    int geometry_class = 0;            // running mean, fixed point
    int sh_count = 0;                  // running mean, fixed point
};

inline int drift(int mean, int value, int count) {  // running mean with a memory of 16
    static constexpr int RECIPROCAL[17] = {65536, 32768, 21845, 16384, 13107, 10923, 9362, 8192, 7282,
                                           6554, 5958, 5461, 5041, 4681, 4369, 4096, 3855};
    return mean + static_cast<int>((static_cast<int64_t>(value - mean) * RECIPROCAL[count < 16 ? count : 16]) >> 16);
}

template <class C>
class CellMapOf {
public:
    CellMapOf() : slots_(64) {}

    C &at(uint64_t key) {
        if (key == last_key_) return cells_[last_];
        size_t i = slot(key);
        if (slots_[i].key == NONE) {
            if (cells_.size() * 2 >= slots_.size()) {
                grow();
                i = slot(key);
            }
            slots_[i] = {key, cells_.size()};
            cells_.emplace_back();
        }
        last_key_ = key;
        last_ = slots_[i].cell;
        return cells_[last_];
    }

    // Ask for the memory that `at` will need, some keys ahead: first of the slot, then of the cell.
    void expect_slot(uint64_t key) const { __builtin_prefetch(&slots_[hash_(key) & (slots_.size() - 1)]); }
    void expect_cell(uint64_t key) const {
        const Slot &s = slots_[slot(key)];
        if (s.key == NONE) return;
        const char *cell = reinterpret_cast<const char *>(&cells_[s.cell]);
        __builtin_prefetch(cell, 1);
        __builtin_prefetch(cell + sizeof(C) - 1, 1);
    }

private:
    static constexpr uint64_t NONE = ~0ULL;
    struct Slot {
        uint64_t key = NONE;
        size_t cell = 0;
    };

    size_t slot(uint64_t key) const {
        size_t i = hash_(key) & (slots_.size() - 1);
        while (slots_[i].key != NONE && slots_[i].key != key) i = (i + 1) & (slots_.size() - 1);
        return i;
    }
    void grow() {
        std::vector<Slot> old(slots_.size() * 2);
        old.swap(slots_);
        for (const Slot &s : old)
            if (s.key != NONE) slots_[slot(s.key)] = s;
    }
    CodeHash hash_;
    std::vector<Slot> slots_;
    std::vector<C> cells_;
    uint64_t last_key_ = NONE;
    size_t last_ = 0;
};
using CellMap = CellMapOf<Cell>;

}  // namespace gsz
