#include "anchor_coder.hpp"

namespace gsz {
namespace {

std::vector<int> octaves(const std::vector<uint16_t> &steps) {
    std::vector<int> out;
    for (uint16_t s : steps) out.push_back((log2_integer(s) >> (FIXED_BITS - 8)) - 8 * 256);
    return out;
}

// round(a / b), halves up; b > 0.
int rounded_quotient(int a, int b) {
    const int n = 2 * a + b, d = 2 * b;
    return n >= 0 ? n / d : -((-n + d - 1) / d);
}

}  // namespace

AnchorCoder::AnchorCoder(const Params &params, const AnchorNetworks &networks)
    : SplatBlock(params, {networks.cell_shift, SIZE_BUCKETS, 4 * SIZE_BUCKETS}), networks_(networks),
      hyper_(SIGNED_NODES, {SIZE_BUCKETS, networks.hyper, 8 * networks.hyper}), latent_(SIGNED_NODES, {SIZE_BUCKETS, networks.latent, 8 * networks.latent}),
      presence_(1, {16, networks.slots, 256}), hyper_octaves_(octaves(networks.hyper_steps)), latent_octaves_(octaves(networks.latent_steps)),
      seen_(networks.inputs(CHILDREN)), nothing_(2 * std::max(MAX_HYPER, MAX_LATENT)) {}

std::vector<uint8_t> AnchorCoder::encode_anchors(int lowest_class, const AnchorRows &rows, const Target *targets, size_t children, Statistics *stats) {
    EncodeIO io;
    code(io, lowest_class, rows.count, children, &rows, targets, stats);
    std::vector<uint8_t> out;
    for (size_t i = 0; i < ANCHORS_HEAD; ++i) out.push_back(static_cast<uint8_t>(rows.count >> (8 * i)));
    const std::vector<uint8_t> stream = io.coder.finish();
    out.insert(out.end(), stream.begin(), stream.end());
    const uint64_t work = rows.count * networks_.work(), least = (work + MAX_WORK_PER_BYTE - 1) / MAX_WORK_PER_BYTE;
    if (out.size() + 1 < least) out.resize(least - 1);
    return out;
}

void AnchorCoder::decode_anchors(int lowest_class, size_t anchors, size_t children, const uint8_t *data, size_t size) {
    DecodeIO io{RangeDecoder(data, size)};
    code(io, lowest_class, anchors, children, nullptr, nullptr, nullptr);
    io.check_end();
}

// Symbols of a latent vector about what its network expects of it; `out` gets the values they stand for.
template <class IO>
void AnchorCoder::code_vector(IO &io, Symbols &model, int network, const std::vector<uint16_t> &steps, const std::vector<int> &step_octaves, const int32_t *target, int16_t *out) {
    const IntegerNetwork &net = networks_.networks[network];
    const int n = static_cast<int>(steps.size());
    const int16_t *prior = nothing_.data();
    if (!net.absent()) {
        std::copy_n(seen_.data(), networks_.inputs(network), scratch_.input());
        prior = net.run(scratch_);
    }
    int size = 0;
    for (int d = 0; d < n; ++d) {
        const int expected = rounded_quotient(prior[d], steps[d]);
        const auto ctx = model.at({size_bucket(prior[n + d], step_octaves[d]), d, 8 * d + size});
        const int symbol = code_signed(io, model, ctx, target ? target[d] - expected : 0);
        out[d] = activation((int64_t{expected} + symbol) * steps[d]);
        size = std::min<int>(std::bit_width(static_cast<unsigned>(std::abs(symbol))), 7);
    }
}

void AnchorCoder::near(uint64_t code, int16_t *out) {
    int values[NEAR];
    splats_.near(code, values);
    for (int i = 0; i < NEAR; ++i) out[i] = activation(values[i]);
}

template <class IO>
void AnchorCoder::code(IO &io, int lowest_class, size_t anchors, size_t children, const AnchorRows *rows, const Target *targets, Statistics *stats) {
    constexpr bool encoding = std::is_same_v<IO, EncodeIO>;
    const AnchorNetworks &n = networks_;
    auto group = [&](Statistics::Group g) {
        if constexpr (encoding) io.bits = stats ? &stats->bits[g] : nullptr;
        (void)g;
    };
    group(Statistics::OCTREE);
    std::vector<uint64_t> codes;
    if (rows) codes.assign(rows->codes, rows->codes + anchors);
    octree_.code(io, p_.depth, anchors, codes, {});
    splats_.reserve(children);
    const IntegerNetwork &net = n.networks[CHILDREN];
    size_t done = 0;
    int before = 0;  // children of the anchor before
    for (size_t a = 0; a < anchors; ++a) {
        if (a + 8 < anchors) splats_.expect(codes[a + 4], codes[a + 8]);
        const uint64_t code = codes[a];
        int16_t *seen = seen_.data();
        n.grid.at(code, p_.depth, seen);
        seen += n.condition;
        group(Statistics::HYPER);
        code_vector(io, hyper_, HYPER_PRIOR, n.hyper_steps, hyper_octaves_, rows ? rows->hyper + a * n.hyper : nullptr, seen);
        seen += n.hyper;
        group(Statistics::LATENT);
        code_vector(io, latent_, LATENT_PRIOR, n.latent_steps, latent_octaves_, rows ? rows->latent + a * n.latent : nullptr, seen);
        seen += n.latent;
        near(code, seen);
        if (rows && rows->inputs) std::copy(seen_.begin(), seen_.end(), rows->inputs + a * seen_.size());
        const int16_t *guesses = nullptr;
        if (!net.absent()) {
            std::copy(seen_.begin(), seen_.end(), scratch_.input());
            guesses = net.run(scratch_);
        }
        group(Statistics::MASK);
        std::array<uint8_t, MAX_SLOTS> present{};
        int own = 0;
        for (int k = 0; k < n.slots; ++k) {
            const int odds = guesses ? guesses[k * GUESS_WIDTH + GUESS_PRESENCE] : 0;
            int bit = rows && rows->presence[a * n.slots + k] != 0;
            if (own == 0 && k == n.slots - 1) bit = 1;  // an anchor has a child
            else bit = presence_.code(io, presence_.at({clip((odds >> 6) + 8, 0, 15), k, 16 * std::min(own, 15) + before}), 0, bit);
            present[k] = static_cast<uint8_t>(bit);
            own += bit;
        }
        before = std::min(own, 15);
        if (static_cast<size_t>(own) > children - done) broken("more children than the chunk has");
        if constexpr (!encoding) io.check();
        for (int k = 0; k < n.slots; ++k) {
            if (!present[k]) continue;
            Splat s;
            s.code = code;
            splats_.code(io, 0, lowest_class, s, guesses ? guesses + k * GUESS_WIDTH : nullptr, targets ? targets + done : nullptr, stats);
            if (rows && rows->expected) std::copy_n(splats_.expected().begin(), 2 * SCALARS, rows->expected + done * 2 * SCALARS);
            if constexpr (!encoding) io.check();
            ++done;
        }
    }
    if (done != children) broken("fewer children than the chunk has");
}

}  // namespace gsz
