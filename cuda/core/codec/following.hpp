// A frame of a sequence, told by the frame that it follows: every splat of that one has children, mostly one, which differ little
// from it; then come splats that nothing tells of. SEQUENCES.md.
#pragma once
#include <memory>

#include "block_coder.hpp"

namespace gsz {

inline constexpr int PLACE_BITS = 8;  // places are in 1/256 voxel

using Place = std::array<int32_t, 3>;

struct BlockState {  // what a block of the next frame is told by
    std::vector<Splat> splats;
    std::vector<Place> places;
    std::vector<int32_t> sh;  // [splats][sh_components] symbols
};

Place place_of(const Params &p, const Splat &s);

struct FollowTarget {
    Target splat;
    int parent;  // row of the block that is followed, or -1
};

// What has become of the splats that were at a place.
struct MotionCell {
    int count = 0;
    std::array<int, 3> motion{};       // running mean, 1/16 of a place's unit
    std::array<int, SCALARS> error{};  // running mean of |value - parent's|, fixed point
    int offset = 0;                    // running mean of log2 of the offsets' sizes, world units, fixed point
    int sh_count = 0;
};

class FollowingBlock {
public:
    FollowingBlock(const Params &params, const BlockState &before);

    // Rows in the order of their parents, then those without, which have voxels `codes`, ascending.
    std::vector<uint8_t> encode_geometry(const std::vector<FollowTarget> &rows, const std::vector<uint64_t> &codes, Statistics *stats);
    std::vector<uint8_t> encode_sh(const float *coefficients, const double *weights, Statistics *stats);
    void decode_geometry(size_t count, size_t fresh, const uint8_t *data, size_t size);
    void decode_sh(const uint8_t *data, size_t size);

    BlockState take();  // the frame's state; the coder is of no more use

private:
    struct Activity {  // what of the splat at hand has changed so far
        int changed = 0;
        int at() const { return changed < 3 ? changed : 3; }
        void add(int symbol) { changed += symbol != 0; }
    };
    template <class IO>
    void geometry(IO &io, size_t count, size_t fresh, const std::vector<FollowTarget> *rows, const std::vector<uint64_t> *codes, Statistics *stats);
    template <class IO>
    void child(IO &io, size_t parent, const Target *target, Statistics *stats);
    template <class IO>
    void classes(IO &io, Splat &s, const Splat &parent, Activity &activity);
    template <class IO>
    void scalar(IO &io, int j, Splat &s, const Splat &parent, const MotionCell &cell, Activity &activity, const Target *target);
    template <class IO>
    void rotation(IO &io, Splat &s, const Splat &parent, Activity &activity, const Target *target);
    template <class IO>
    void offset(IO &io, Splat &s, const MotionCell &cell, Activity &activity, const Target *target);
    template <class IO>
    void harmonics(IO &io, const float *coefficients, const double *weights);
    void begin_at(Splat &s, const Place &place, const MotionCell *cell) const;

    const Params &p_;
    const BlockState &before_;
    std::vector<int> parents_;  // of each splat so far, -1 without
    BlockState state_;
    OctreeCoder octree_;
    SplatCoder fresh_;
    ShCoder changes_, fresh_sh_;
    std::array<CellMapOf<MotionCell>, 2> motion_;
    RotationCoder other_rotation_;
    Decisions<2> children_, class_;
    std::vector<Decisions<4>> scalar_;
    Decisions<3> rotation_, offset_;
    std::array<int, SCALARS> error_{}, symbol_{};
    int last_activity_ = 0;
};

}  // namespace gsz
