// What has been decoded near a place: running means of the attributes in cells of three sizes, and the cell's last splat.
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
    int color_offset = 0;              // colour class minus geometry class, running mean, fixed point
    int sh_count = 0;                  // running mean, fixed point
};

inline int drift(int mean, int value, int count) {  // running mean with a memory of 16
    static constexpr int RECIPROCAL[17] = {65536, 32768, 21845, 16384, 13107, 10923, 9362, 8192, 7282,
                                           6554, 5958, 5461, 5041, 4681, 4369, 4096, 3855};
    return mean + static_cast<int>((static_cast<int64_t>(value - mean) * RECIPROCAL[count < 16 ? count : 16]) >> 16);
}

class CellMap {
public:
    CellMap() : keys_(64, ~0ULL), index_(64) {}

    Cell &at(uint64_t key) {
        if (key == last_key_) return cells_[last_];
        size_t i = slot(key);
        if (keys_[i] == ~0ULL) {
            if (cells_.size() * 2 >= keys_.size()) {
                grow();
                i = slot(key);
            }
            keys_[i] = key;
            index_[i] = static_cast<uint32_t>(cells_.size());
            cells_.emplace_back();
        }
        last_key_ = key;
        last_ = index_[i];
        return cells_[last_];
    }

private:
    size_t slot(uint64_t key) const {
        size_t i = hash_(key) & (keys_.size() - 1);
        while (keys_[i] != ~0ULL && keys_[i] != key) i = (i + 1) & (keys_.size() - 1);
        return i;
    }
    void grow() {
        std::vector<uint64_t> keys(keys_.size() * 2, ~0ULL);
        std::vector<uint32_t> index(keys.size());
        keys.swap(keys_);
        index.swap(index_);
        for (size_t i = 0; i < keys.size(); ++i)
            if (keys[i] != ~0ULL) {
                const size_t j = slot(keys[i]);
                keys_[j] = keys[i];
                index_[j] = index[i];
            }
    }
    CodeHash hash_;
    std::vector<uint64_t> keys_;
    std::vector<uint32_t> index_;
    std::vector<Cell> cells_;
    uint64_t last_key_ = ~0ULL;
    size_t last_ = 0;
};

}  // namespace gsz
