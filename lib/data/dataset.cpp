#include "data/dataset.hpp"

#include <ATen/ops/empty.h>

namespace lockstep {

Batch Dataset::make_batch(std::int64_t capacity, bool pinned) const {
  std::vector<std::int64_t> shape{capacity};
  shape.insert(shape.end(), info().sample_shape.begin(), info().sample_shape.end());
  const auto inputs = info().kind == DatasetInfo::Kind::images ? at::kFloat : at::kLong;
  return {at::empty(shape, at::TensorOptions(inputs).pinned_memory(pinned)),  // (capacity, sample_shape...)
          at::empty({capacity}, at::TensorOptions(at::kLong).pinned_memory(pinned)),  // (capacity)
          0};
}

}  // namespace lockstep
