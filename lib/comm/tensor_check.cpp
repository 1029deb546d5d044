#include "comm/tensor_check.hpp"

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace lockstep {

void check_tensor(CollectiveKind kind, const at::Tensor& tensor) {
  static constexpr std::array kTypes = {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf,
                                        at::kInt,   at::kLong,   at::kByte};
  if (!tensor.defined()) throw run_error("{}: the tensor is undefined", name_of(kind));
  if (tensor.layout() != at::kStrided || !tensor.is_contiguous())
    throw run_error("{}: the tensor is not contiguous; pass tensor.contiguous()", name_of(kind));
  if (std::find(kTypes.begin(), kTypes.end(), tensor.scalar_type()) == kTypes.end())
    throw run_error("{}: dtype {} is not supported; take fp32, fp64, bf16, fp16, int32, int64 or uint8",
                    name_of(kind), c10::toString(tensor.scalar_type()));
}

void check_parts(CollectiveKind kind, const at::Tensor& whole, const at::Tensor& part, int parts) {
  check_tensor(kind, whole);
  check_tensor(kind, part);
  if (whole.scalar_type() != part.scalar_type() || whole.device() != part.device())
    throw run_error("{}: input and output differ in dtype or device", name_of(kind));
  if (whole.numel() != part.numel() * parts)
    throw run_error("{}: {} elements are not {} (ranks) times {} elements", name_of(kind), whole.numel(),
                    parts, part.numel());
}

void check_peer(CollectiveKind kind, int peer, int rank, int size) {
  if (peer < 0 || peer >= size)
    throw run_error("{}: there is no rank {} among {}", name_of(kind), peer, size);
  const bool root = kind == CollectiveKind::broadcast || kind == CollectiveKind::reduce;
  if (!root && peer == rank)
    throw run_error("{}: rank {} cannot exchange messages with itself", name_of(kind), rank);
}

}  // namespace lockstep
