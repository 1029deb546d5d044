#include "data/dataset.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <limits>

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

std::shared_ptr<const std::vector<std::int32_t>> Dataset::batching_lengths() const {
  if (info().kind == SampleKind::images) return nullptr;
  Lengths longest;
  for (std::int64_t id = 0; id < size(); ++id) {
    const Lengths lengths = lengths_of(id);
    longest = {std::max(longest.input, lengths.input), std::max(longest.target, lengths.target)};
  }
  const std::int64_t base = longest.target + 1;
  const bool both = (longest.input + 1) * base <= std::numeric_limits<std::int32_t>::max();
  auto keys = std::make_shared<std::vector<std::int32_t>>();
  keys->reserve(static_cast<std::size_t>(size()));
  for (std::int64_t id = 0; id < size(); ++id) {
    const Lengths lengths = lengths_of(id);
    keys->push_back(static_cast<std::int32_t>(both ? lengths.input * base + lengths.target : lengths.input));
  }
  return keys;
}

}  // namespace lockstep
