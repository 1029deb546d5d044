#include "nn/fused_support.hpp"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>

#include <bit>
#include <cmath>
#include <mutex>

#include "kernels/residual_norm.hpp"
#include "nn/fused.hpp"
#include "nn/own_kernels.hpp"

namespace lockstep::fused {

bool takes(const at::Tensor& x, const at::Tensor& weight) {
  return own_kernels() && x.is_cuda() && weight.is_cuda() && weight.scalar_type() == at::kFloat &&
         at::autocast::is_autocast_enabled(at::kCUDA) &&
         at::autocast::get_autocast_dtype(at::kCUDA) == at::kBFloat16 &&
         weight.size(-1) <= kernels::kMostNormColumns;
}

at::Tensor new_like(const at::Tensor& x, at::ScalarType type) {
  return at::empty(x.sizes(), x.options().dtype(type).requires_grad(false));
}

kernels::DropoutMask draw_mask(double p, const at::Tensor& on) {
  kernels::DropoutMask mask;
  if (p == 0) return mask;
  constexpr double kRange = 4294967296.0;  // 2^32
  mask.threshold = static_cast<std::uint32_t>(std::min(std::round(p * kRange), kRange - 1));
  mask.scale = static_cast<float>(1 / (1 - p));
  auto* const generator = at::get_generator_or_default<at::CUDAGeneratorImpl>(
      std::nullopt, at::cuda::detail::getDefaultCUDAGenerator(on.device().index()));
  const std::lock_guard<std::mutex> lock(generator->mutex_);
  const at::PhiloxCudaState state = generator->philox_cuda_state(4);  // words a thread would take
  if (state.captured_) {
    mask.seed_place = state.seed_.ptr;
    mask.offset_place = state.offset_.ptr;
    mask.offset = state.offset_intragraph_;
  } else {
    mask.seed = state.seed_.val;
    mask.offset = state.offset_.val;
  }
  return mask;
}

std::vector<std::int64_t> packed(const kernels::DropoutMask& mask) {
  return {reinterpret_cast<std::int64_t>(mask.seed_place),
          reinterpret_cast<std::int64_t>(mask.offset_place),
          static_cast<std::int64_t>(mask.seed),
          static_cast<std::int64_t>(mask.offset),
          mask.threshold,
          std::bit_cast<std::int32_t>(mask.scale)};
}

kernels::DropoutMask unpacked(const std::vector<std::int64_t>& values) {
  return {reinterpret_cast<const std::int64_t*>(values.at(0)),
          reinterpret_cast<const std::int64_t*>(values.at(1)),
          static_cast<std::uint64_t>(values.at(2)),
          static_cast<std::uint64_t>(values.at(3)),
          static_cast<std::uint32_t>(values.at(4)),
          std::bit_cast<float>(static_cast<std::int32_t>(values.at(5)))};
}

ColumnGradients::ColumnGradients(const at::Tensor& on, std::int64_t parts, std::int64_t kinds,
                                 std::int64_t columns)
    : partial_sums_(at::empty({parts, kinds, columns}, on.options().dtype(at::kFloat).requires_grad(false))) {
}

void ColumnGradients::add_up(const std::vector<const GradientSink*>& sinks, cudaStream_t stream) const {
  kernels::ColumnTotals totals{};
  totals.partial_sums = partial_sums();
  totals.parts = partial_sums_.size(0);
  totals.kinds = partial_sums_.size(1);
  totals.columns = partial_sums_.size(2);
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    totals.totals[i] = fp32(sinks[i]->place());
    totals.add[i] = sinks[i]->adds();
  }
  kernels::column_totals(totals, stream);
}

namespace {

constexpr std::int64_t kFewRows = 1024, kRowMultiple = 16;

// place (+)= dy' x
void product_into(at::Tensor place, const at::Tensor& dy, const at::Tensor& x, bool add) {
  if (place.size(0) > 1 && place.size(1) > 1) {
    at::addmm_out(place, place, dy.t(), x, at::kFloat, /*beta=*/add ? 1 : 0, /*alpha=*/1);
  } else {  // LibTorch takes a sum that is a vector for a bias
    const at::Tensor product = at::mm(dy.t(), x, at::kFloat);
    add ? place.add_(product) : place.copy_(product);
  }
}

}  // namespace

at::Tensor weight_gradient(const at::Tensor& weight, const at::Tensor& dy, const at::Tensor& x) {
  if (!weight.requires_grad()) return {};
  const GradientSink sink(weight);
  const std::int64_t rows = weight.size(0), rest = rows < kFewRows ? 0 : rows % kRowMultiple;
  product_into(sink.place().narrow(0, 0, rows - rest), dy.narrow(1, 0, rows - rest), x, sink.adds());
  // An odd number of rows of a large product costs it half its speed: the last few are one of their own.
  if (rest > 0)
    product_into(sink.place().narrow(0, rows - rest, rest), dy.narrow(1, rows - rest, rest), x, sink.adds());
  return sink.result();
}

}  // namespace lockstep::fused
