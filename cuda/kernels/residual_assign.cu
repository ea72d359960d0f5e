// Entropy-constrained residual vector quantisation with a beam: gscompress/train/residual_assign.py is the reference and says
// what goes in and comes out. A warp for each vector; its lanes share the codewords of a stage.
#include <ATen/ATen.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/utils/pybind.h>

#include <cstdint>
#include <tuple>

namespace {

constexpr int WARP = 32, WARPS = 4;  // of a block
constexpr int MAX_BEAM = 16, MAX_STAGES = 32, MAX_WIDTH = 64;
constexpr unsigned ALL = 0xFFFFFFFFu;

struct Shape {
    int vectors, width, stages, codes, groups, beam;
    bool full_metric;
};

// Shared memory of a warp, in floats and ints of four bytes each.
__host__ __device__ inline int shared_words(const Shape &s) {
    return 2 * s.beam * s.width      // residuals of the beginnings, old and new
         + s.beam * s.codes          // cost of each continuation
         + 2 * s.beam                // bits spent, old and new
         + 2 * s.beam * s.stages;    // indices, old and new
}

// (e' G e) of one residual less one codeword, e = residual - word.
__device__ float distortion(const Shape &s, const float *residual, const float *word, const float *metric) {
    float total = 0.f;
    if (!s.full_metric) {
        for (int i = 0; i < s.width; ++i) {
            const float e = residual[i] - __ldg(word + i);
            total += e * e;
        }
        return __ldg(metric) * total;
    }
    float e[MAX_WIDTH];
    for (int i = 0; i < s.width; ++i) e[i] = residual[i] - __ldg(word + i);
    for (int i = 0; i < s.width; ++i) {
        float row = 0.f;
        for (int j = 0; j < s.width; ++j) row += __ldg(metric + i * s.width + j) * e[j];
        total += e[i] * row;
    }
    return fmaxf(total, 0.f);
}

// The least of the lanes' costs, the lowest place among equals.
__device__ void warp_least(float &cost, int &place) {
    for (int step = WARP / 2; step; step /= 2) {
        const float other_cost = __shfl_xor_sync(ALL, cost, step);
        const int other_place = __shfl_xor_sync(ALL, place, step);
        if (other_cost < cost || (other_cost == cost && other_place < place)) {
            cost = other_cost;
            place = other_place;
        }
    }
}

__global__ void __launch_bounds__(WARP *WARPS)
residual_assign_kernel(Shape s, const float *__restrict__ values, const float *__restrict__ metric, const float *__restrict__ words,
                       const float *__restrict__ bits, const int *__restrict__ group, int *__restrict__ indices, float *__restrict__ costs) {
    extern __shared__ float shared[];
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const int64_t n = static_cast<int64_t>(blockIdx.x) * WARPS + warp;
    if (n >= s.vectors) return;  // the whole warp

    float *residual = shared + warp * shared_words(s), *next_residual = residual + s.beam * s.width;
    float *cost = next_residual + s.beam * s.width;
    float *spent = cost + s.beam * s.codes, *next_spent = spent + s.beam;
    int *path = reinterpret_cast<int *>(next_spent + s.beam), *next_path = path + s.beam * s.stages;

    CUDA_KERNEL_ASSERT(group[n] >= 0 && group[n] < s.groups);
    const float *own_metric = metric + (s.full_metric ? n * s.width * s.width : n);
    const float *own_bits = bits + static_cast<int64_t>(group[n]) * s.stages * s.codes;
    for (int i = lane; i < s.width; i += WARP) residual[i] = values[n * s.width + i];
    if (lane == 0) spent[0] = 0.f;
    __syncwarp();

    int beginnings = 1;
    float best = 0.f;
    for (int stage = 0; stage < s.stages; ++stage) {
        const float *book = words + static_cast<int64_t>(stage) * s.codes * s.width;
        const int places = beginnings * s.codes;
        for (int place = lane; place < places; place += WARP) {
            const int b = place / s.codes, c = place % s.codes;
            const float total = distortion(s, residual + b * s.width, book + c * s.width, own_metric) + (spent[b] + __ldg(own_bits + stage * s.codes + c));
            cost[place] = total < INFINITY ? total : INFINITY;  // not a number counts as worst, so that all lanes agree below
        }
        __syncwarp();
        const int kept = min(s.beam, places);
        for (int pick = 0; pick < kept; ++pick) {
            float least = INFINITY;
            int where = places;
            for (int place = lane; place < places; place += WARP)
                if (cost[place] < least || where == places) {
                    least = cost[place];
                    where = place;
                }
            warp_least(least, where);
            const int b = where / s.codes, c = where % s.codes;
            for (int i = lane; i < s.width; i += WARP) next_residual[pick * s.width + i] = residual[b * s.width + i] - __ldg(book + c * s.width + i);
            for (int i = lane; i < stage; i += WARP) next_path[pick * s.stages + i] = path[b * s.stages + i];
            if (lane == 0) {
                next_path[pick * s.stages + stage] = c;
                next_spent[pick] = spent[b] + __ldg(own_bits + stage * s.codes + c);
                cost[where] = INFINITY;
            }
            if (pick == 0) best = least;
            __syncwarp();
        }
        beginnings = kept;
        float *f = residual;
        residual = next_residual;
        next_residual = f;
        f = spent;
        spent = next_spent;
        next_spent = f;
        int *p = path;
        path = next_path;
        next_path = p;
    }
    for (int i = lane; i < s.stages; i += WARP) indices[n * s.stages + i] = path[i];
    if (lane == 0) costs[n] = best;
}

void check(const at::Tensor &t, const char *name, at::ScalarType type) {
    TORCH_CHECK(t.is_cuda() && t.is_contiguous() && t.scalar_type() == type, name, ": expected a contiguous CUDA tensor of ", type, ", found ", t.scalar_type(), " on ", t.device());
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> residual_assign(at::Tensor values, at::Tensor metric, at::Tensor words, at::Tensor bits, at::Tensor group, int64_t beam) {
    check(values, "values", at::kFloat);
    check(metric, "metric", at::kFloat);
    check(words, "words", at::kFloat);
    check(bits, "bits", at::kFloat);
    check(group, "group", at::kInt);
    TORCH_CHECK(values.size(0) < (int64_t{1} << 31), "values: expected fewer than 2^31 rows");
    TORCH_CHECK(words.size(0) <= MAX_STAGES && words.size(2) <= MAX_WIDTH && beam >= 1 && beam <= MAX_BEAM, "expected at most ", MAX_STAGES, " stages, vectors of ", MAX_WIDTH,
                " and a beam of ", MAX_BEAM, ", found ", words.size(0), ", ", words.size(2), ", ", beam);
    const c10::cuda::CUDAGuard guard(values.device());
    Shape s{static_cast<int>(values.size(0)), static_cast<int>(values.size(1)), static_cast<int>(words.size(0)), static_cast<int>(words.size(1)), static_cast<int>(bits.size(0)), static_cast<int>(beam), metric.dim() == 3};
    auto indices = at::empty({s.vectors, s.stages}, group.options());
    auto costs = at::empty({s.vectors}, values.options());
    if (s.vectors == 0) return {indices, costs};
    const size_t bytes = sizeof(float) * WARPS * shared_words(s);
    int limit = 0;
    C10_CUDA_CHECK(cudaDeviceGetAttribute(&limit, cudaDevAttrMaxSharedMemoryPerBlockOptin, values.get_device()));
    TORCH_CHECK(bytes <= static_cast<size_t>(limit), "beam * codes: expected what fits into ", limit, " bytes of shared memory, found ", bytes);
    C10_CUDA_CHECK(cudaFuncSetAttribute(residual_assign_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)));
    residual_assign_kernel<<<(s.vectors + WARPS - 1) / WARPS, WARP * WARPS, bytes, c10::cuda::getCurrentCUDAStream()>>>(
        s, values.data_ptr<float>(), metric.data_ptr<float>(), words.data_ptr<float>(), bits.data_ptr<float>(), group.data_ptr<int>(), indices.data_ptr<int>(), costs.data_ptr<float>());
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    return {indices, costs};
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
    m.def("residual_assign", &residual_assign, "Indices and costs", py::arg("values"), py::arg("metric"), py::arg("words"), py::arg("bits"), py::arg("group"), py::arg("beam"));
}
