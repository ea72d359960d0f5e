// Binary range coder: a 64-bit interval, probabilities of a one in 1/65536, four bytes at a time. No divisions.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "faults.hpp"

namespace gsz {

class RangeEncoder {
public:
    void code(int bit, uint32_t p1) {
        const uint64_t one = (range_ >> 16) * p1;
        if (bit) range_ = one;
        else {
            add(one);
            range_ -= one;
        }
        if (range_ <= UINT32_MAX) {
            for (int shift = 56; shift >= 32; shift -= 8) bytes_.push_back(static_cast<uint8_t>(low_ >> shift));
            low_ <<= 32;
            range_ <<= 32;
        }
    }

    // The shortest tail that the decoder, which reads zeros past the end, still resolves.
    std::vector<uint8_t> finish() {
        for (int kept = 0; kept <= 4; ++kept) {
            const uint64_t mask = UINT64_MAX >> (8 * kept);
            const uint64_t up = (0 - low_) & mask;  // to the next number whose bits under the mask are zeros
            if (up >= range_) continue;
            add(up);
            for (int i = 0; i < kept; ++i) bytes_.push_back(static_cast<uint8_t>(low_ >> (56 - 8 * i)));
            break;
        }
        low_ = 0;
        range_ = UINT64_MAX;
        return std::move(bytes_);
    }

private:
    void add(uint64_t amount) {
        low_ += amount;
        if (low_ < amount)  // carry
            for (size_t i = bytes_.size(); i-- && ++bytes_[i] == 0;) {
            }
    }

    uint64_t low_ = 0, range_ = UINT64_MAX;
    std::vector<uint8_t> bytes_;
};

class RangeDecoder {
public:
    static constexpr size_t AHEAD = 8;  // a decoder reads this far past the last byte that an encoder writes

    RangeDecoder(const uint8_t *data, size_t size) : next_(data), end_(data + size) {
        at_ = word();
        at_ = at_ << 32 | word();
        if (at_ == UINT64_MAX) broken("the stream begins beyond its range");  // it stays within from here on
    }

    int code(uint32_t p1) {
        const uint64_t one = (range_ >> 16) * p1;
        const bool bit = at_ < one;
        const uint64_t rest = range_ - one, beyond = at_ - one;
        range_ = bit ? one : rest;
        at_ = bit ? at_ : beyond;
        if (range_ <= UINT32_MAX) {
            range_ <<= 32;
            at_ = at_ << 32 | word();
        }
        return bit;
    }

    // Bytes asked for past the end; an encoder's stream never needs more than AHEAD.
    size_t overrun() const { return overrun_; }
    bool only_zeros_left() const {  // an encoder may pad
        return std::all_of(next_, end_, [](uint8_t b) { return b == 0; });
    }

private:
    uint64_t word() {
        uint64_t out = 0;
        for (int i = 0; i < 4; ++i) {
            out <<= 8;
            if (next_ != end_) out |= *next_++;
            else ++overrun_;
        }
        return out;
    }

    const uint8_t *next_, *end_;
    uint64_t range_ = UINT64_MAX, at_ = 0;
    size_t overrun_ = 0;
};

}  // namespace gsz
