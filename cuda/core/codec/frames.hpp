// Frames of a sequence: a key frame is a file by itself, a following frame is told by the state of another one.
#pragma once
#include "encoder.hpp"
#include "file.hpp"
#include "following.hpp"

namespace gsz {

struct FrameState {  // a decoded frame, and all that frames which follow it need; shared, never changed
    std::shared_ptr<const Params> params;
    bool antialiased = false;
    std::vector<BlockState> blocks;
    size_t splats() const;
};

// A key frame, of a whole file of layers of splats. FormatFault.
FrameState key_frame(const uint8_t *data, size_t size, size_t max_splats, int threads);

// The payload of a following frame has of each block u32 splats, u32 of these that have no parent, u32 bytes of geometry and of
// harmonics; then the streams, block by block.
inline constexpr size_t FOLLOWING_ENTRY = 16;
FrameState following_frame(const FrameState &before, const uint8_t *data, size_t size, size_t max_splats, int threads);

struct FollowingInput {  // rows by block, in each those with a parent by it, then those without by Morton code
    std::vector<size_t> splats, fresh;  // by block
    const int32_t *parents;             // [N], row of the block of `before`; ignored of fresh ones
    EncodeInput rows;                   // codes of fresh ones alone
};
struct EncodedFollowing {
    std::vector<uint8_t> payload;
    FrameState state;
};
EncodedFollowing encode_following(const FrameState &before, const FollowingInput &in, int threads, Statistics *stats);

void reconstruct(const FrameState &frame, const SceneArrays &out, int threads);

}  // namespace gsz
