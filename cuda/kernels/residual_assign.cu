// Codes of residual vector quantisation, one thread a vector: gscompress/train/residual_vq.py has the reference of the same name.
#include <torch/extension.h>

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>

namespace {

constexpr int kMaxWidth = 64;
constexpr int kThreads = 128;

__global__ void assign(const float *values, const float *codebooks, const float *weights, const float *prices, long *out, long count, int stages, int codes, int width) {
    extern __shared__ float book[];  // one stage's codebook, then its prices
    const long row = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
    float rest[kMaxWidth];
    float weight = 0;
    if (row < count) {
        weight = weights[row];
        for (int d = 0; d < width; ++d) rest[d] = values[row * width + d];
    }
    for (int stage = 0; stage < stages; ++stage) {
        __syncthreads();
        for (int i = threadIdx.x; i < codes * width; i += blockDim.x) book[i] = codebooks[static_cast<long>(stage) * codes * width + i];
        for (int i = threadIdx.x; i < codes; i += blockDim.x) book[codes * width + i] = prices[static_cast<long>(stage) * codes + i];
        __syncthreads();
        if (row >= count) continue;
        float least = INFINITY;
        int best = 0;
        for (int c = 0; c < codes; ++c) {
            float error = 0;
            for (int d = 0; d < width; ++d) {
                const float e = rest[d] - book[c * width + d];
                error += e * e;
            }
            const float cost = weight * error + book[codes * width + c];
            if (cost < least) {
                least = cost;
                best = c;
            }
        }
        for (int d = 0; d < width; ++d) rest[d] -= book[best * width + d];
        out[row * stages + stage] = best;
    }
}

torch::Tensor residual_assign(const torch::Tensor &values, const torch::Tensor &codebooks, const torch::Tensor &weights, const torch::Tensor &prices) {
    TORCH_CHECK(values.is_cuda() && values.dim() == 2 && codebooks.dim() == 3 && values.size(1) == codebooks.size(2), "values [N, D], codebooks [S, C, D]");
    TORCH_CHECK(weights.dim() == 1 && weights.size(0) == values.size(0), "weights [N]");
    TORCH_CHECK(prices.dim() == 2 && prices.size(0) == codebooks.size(0) && prices.size(1) == codebooks.size(1), "prices [S, C]");
    TORCH_CHECK(values.size(1) <= kMaxWidth, "at most 64 numbers a vector");
    for (const auto &t : {values, codebooks, weights, prices})
        TORCH_CHECK(t.device() == values.device() && t.scalar_type() == torch::kFloat32 && t.is_contiguous(), "float32, contiguous, on one device");
    const int stages = static_cast<int>(codebooks.size(0)), codes = static_cast<int>(codebooks.size(1)), width = static_cast<int>(codebooks.size(2));
    const size_t shared = sizeof(float) * codes * (width + 1);
    TORCH_CHECK(shared <= 48 * 1024, "a stage's codebook has to fit into 48 kB");
    auto out = torch::empty({values.size(0), stages}, values.options().dtype(torch::kInt64));
    if (values.size(0) == 0) return out;
    const unsigned blocks = static_cast<unsigned>((values.size(0) + kThreads - 1) / kThreads);
    assign<<<blocks, kThreads, shared, c10::cuda::getCurrentCUDAStream()>>>(
        values.data_ptr<float>(), codebooks.data_ptr<float>(), weights.data_ptr<float>(), prices.data_ptr<float>(), reinterpret_cast<long *>(out.data_ptr<int64_t>()), values.size(0), stages, codes, width);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    return out;
}

}  // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) { m.def("residual_assign", &residual_assign); }
