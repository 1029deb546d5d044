// What the fused functions share: launches, masks, and gradients of parameters. For their .cpp files alone.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <array>
#include <vector>

#include "kernels/column_sums.hpp"
#include "kernels/dropout_mask.hpp"
#include "kernels/element.hpp"
#include "nn/gradient_sink.hpp"

namespace lockstep::fused {

// Makes the tensor's device the current one while it lives.
class Launch {
 public:
  explicit Launch(const at::Tensor& on) : guard_(on.device()), stream_(c10::cuda::getCurrentCUDAStream()) {}
  cudaStream_t stream() const { return stream_.stream(); }

 private:
  c10::cuda::CUDAGuard guard_;
  c10::cuda::CUDAStream stream_;
};

// Null for an undefined tensor.
inline kernels::Bf16* bf16(const at::Tensor& x) {
  return x.defined() ? reinterpret_cast<kernels::Bf16*>(x.data_ptr<at::BFloat16>()) : nullptr;
}
inline float* fp32(const at::Tensor& x) { return x.defined() ? x.data_ptr<float>() : nullptr; }

inline at::Tensor contiguous(const at::Tensor& x) { return x.defined() ? x.contiguous() : x; }
inline std::int64_t rows_of(const at::Tensor& x) { return x.numel() / x.size(-1); }
// (rows, last size), without copying.
inline at::Tensor as_matrix(const at::Tensor& x) { return x.view({rows_of(x), x.size(-1)}); }

at::Tensor new_like(const at::Tensor& x, at::ScalarType type);  // uninitialised, contiguous

// A mask for one use of dropout, its random bits taken from the device's generator. p 0: drops nothing, and
// takes none.
kernels::DropoutMask draw_mask(double p, const at::Tensor& on);
// For AutogradContext::saved_data.
std::vector<std::int64_t> packed(const kernels::DropoutMask& mask);
kernels::DropoutMask unpacked(const std::vector<std::int64_t>& values);

// Partial sums of columns, (parts, kinds, columns) fp32, on their way into gradients of that many parameters.
class ColumnGradients {
 public:
  ColumnGradients(const at::Tensor& on, std::int64_t parts, std::int64_t kinds, std::int64_t columns);
  float* partial_sums() const { return fp32(partial_sums_); }
  void add_up(const std::vector<const GradientSink*>& sinks, cudaStream_t stream) const;

 private:
  at::Tensor partial_sums_;
};

// The gradient of a weight (out, in) from dy (rows, out) and x (rows, in), both bf16: what the backward pass
// returns for it. Rows of dy may be apart.
at::Tensor weight_gradient(const at::Tensor& weight, const at::Tensor& dy, const at::Tensor& x);

}  // namespace lockstep::fused
