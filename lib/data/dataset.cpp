#include "data/dataset.hpp"

#include <ATen/ops/empty.h>

#include <functional>
#include <numeric>

namespace lockstep {

namespace {

std::vector<std::int64_t> rows_of(std::int64_t count, const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> whole{count};
  whole.insert(whole.end(), shape.begin(), shape.end());
  return whole;
}

// The first `size` rows of `length` elements of a buffer that may have room for longer ones.
at::Tensor used(const at::Tensor& buffer, std::int64_t size, std::int64_t length) {
  if (buffer.dim() != 2 || length == buffer.size(1)) return buffer.narrow(0, 0, size);
  return buffer.as_strided({size, length}, {length, 1});
}

}  // namespace

at::Tensor Batch::used_inputs() const { return used(inputs, size, lengths.input); }
at::Tensor Batch::used_targets() const { return used(targets, size, lengths.target); }

Batch Dataset::make_batch(std::int64_t capacity, bool pinned) const {
  const DatasetInfo& about = info();
  const bool images = about.kind == SampleKind::images;
  const auto options = at::TensorOptions(at::kLong).pinned_memory(pinned);
  Batch batch;
  batch.inputs =
      at::empty(rows_of(capacity, about.sample_shape), images ? options.dtype(at::kFloat) : options);
  batch.targets = at::empty(rows_of(capacity, about.target_shape), options);
  batch.lengths = {images ? 0 : about.sample_shape.at(0),
                   about.target_shape.empty() ? 0 : about.target_shape[0]};
  return batch;
}

}  // namespace lockstep
