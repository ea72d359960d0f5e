// Binary range coder: 32-bit interval [x1, x2], probabilities of a one in 1/65536. No carries, no divisions.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gsz {

class RangeEncoder {
public:
    void code(int bit, uint32_t p1) {
        const uint32_t range = x2_ - x1_;
        const uint32_t mid = x1_ + (range >> 16) * p1 + (((range & 0xffff) * p1) >> 16);
        if (bit) x2_ = mid; else x1_ = mid + 1;
        while (((x1_ ^ x2_) & 0xff000000u) == 0) {
            bytes_.push_back(static_cast<uint8_t>(x2_ >> 24));
            x1_ <<= 8;
            x2_ = (x2_ << 8) | 255;
        }
    }

    // The shortest tail that the decoder, which reads zeros past the end, still resolves.
    std::vector<uint8_t> finish() {
        for (int kept = 1; kept <= 4; ++kept) {
            const uint32_t mask = kept == 4 ? 0 : (0xffffffffu >> (8 * kept));
            const uint32_t value = (x1_ + mask) & ~mask;
            if (value >= x1_ && value <= x2_) {
                for (int i = 0; i < kept; ++i) bytes_.push_back(static_cast<uint8_t>(value >> (24 - 8 * i)));
                break;
            }
        }
        x1_ = 0;
        x2_ = 0xffffffffu;
        return std::move(bytes_);
    }

private:
    uint32_t x1_ = 0, x2_ = 0xffffffffu;
    std::vector<uint8_t> bytes_;
};

class RangeDecoder {
public:
    RangeDecoder(const uint8_t *data, size_t size) : next_(data), end_(data + size) {
        for (int i = 0; i < 4; ++i) x_ = (x_ << 8) | byte();
    }

    int code(uint32_t p1) {
        const uint32_t range = x2_ - x1_;
        const uint32_t mid = x1_ + (range >> 16) * p1 + (((range & 0xffff) * p1) >> 16);
        const int bit = x_ <= mid;
        const uint32_t one = 0u - static_cast<uint32_t>(bit);  // no branch: the bit is what can not be predicted
        x2_ = (mid & one) | (x2_ & ~one);
        x1_ = (x1_ & one) | ((mid + 1) & ~one);
        while (((x1_ ^ x2_) & 0xff000000u) == 0) {
            x1_ <<= 8;
            x2_ = (x2_ << 8) | 255;
            x_ = (x_ << 8) | byte();
        }
        return bit;
    }

    // Bytes asked for past the end; an encoder's stream never needs more than four.
    size_t overrun() const { return overrun_; }
    bool only_zeros_left() const {  // an encoder may pad
        for (const uint8_t *p = next_; p != end_; ++p)
            if (*p) return false;
        return true;
    }

private:
    uint32_t byte() {
        if (next_ != end_) return *next_++;
        ++overrun_;
        return 0;
    }

    const uint8_t *next_, *end_;
    uint32_t x1_ = 0, x2_ = 0xffffffffu, x_ = 0;
    size_t overrun_ = 0;
};

}  // namespace gsz
