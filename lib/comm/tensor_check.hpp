// What every back end requires of its tensors. Checks only this rank: the caller guarantees equality across
// ranks.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>

#include "comm/communicator.hpp"

namespace lockstep {

// Error unless the tensor is defined, contiguous, strided and of a dtype that Communicator names.
void check_tensor(CollectiveKind kind, const at::Tensor& tensor);
// Error unless `whole` has `parts` times the elements of `part`, and both have one dtype and device.
void check_parts(CollectiveKind kind, const at::Tensor& whole, const at::Tensor& part, int parts);
// Error unless 0 <= peer < size, and for messages also peer != rank.
void check_peer(CollectiveKind kind, int peer, int rank, int size);

inline std::int64_t bytes_of(const at::Tensor& tensor) {
  return tensor.numel() * static_cast<std::int64_t>(tensor.element_size());
}

inline std::int64_t element_bytes(const at::Tensor& tensor) {
  return static_cast<std::int64_t>(tensor.element_size());
}
inline std::byte* data_of(const at::Tensor& tensor) { return static_cast<std::byte*>(tensor.data_ptr()); }

}  // namespace lockstep
