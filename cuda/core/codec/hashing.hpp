// Hashing of Morton codes for the decoder's tables. Codes come from the file, so the hash has a secret: nobody can write a
// file whose codes all fall into one slot. Nothing that is decoded depends on it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <random>

namespace gsz {

class CodeHash {
public:
    size_t operator()(uint64_t code) const {
        uint64_t h = (code ^ secret_) * 0x9e3779b97f4a7c15ULL;
        h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93ULL;
        return static_cast<size_t>(h >> 32);
    }

private:
    static uint64_t draw() {
        static const uint64_t secret = [] {
            std::random_device random;
            return static_cast<uint64_t>(random()) << 32 | random();
        }();
        return secret;
    }
    uint64_t secret_ = draw();
};

}  // namespace gsz
