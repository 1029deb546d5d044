#include "data/row_dataset.hpp"

#include <algorithm>
#include <utility>

#include "data/fetch_checks.hpp"

namespace lockstep {

RowDataset::RowDataset(std::shared_ptr<const DatasetInfo> info, EncodedSplit split,
                       std::vector<std::int64_t> rows, std::size_t row_bytes)
    : info_(std::move(info)), split_(std::move(split)), rows_(std::move(rows)), row_bytes_(row_bytes) {}

void RowDataset::fetch(std::span<const std::int64_t> ids, std::int64_t epoch, Batch& out) const {
  // Shuffled rows lie anywhere in memory: asking for them a few ahead hides most of the wait.
  constexpr std::size_t kAhead = 6;
  check_capacity(ids, out);
  auto* targets = out.targets.data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    check_id(ids[i], *this);
    if (i + kAhead < ids.size()) prefetch(ids[i + kAhead]);
    targets[i] = split_.labels.get()[rows_[static_cast<std::size_t>(ids[i])]];
    write_sample(ids[i], epoch, i, out);
  }
  out.size = static_cast<std::int64_t>(ids.size());
}

void RowDataset::prefetch(std::int64_t id) const {
  constexpr std::size_t kLine = 64, kMost = 8192;
  if (id < 0 || id >= size()) return;  // reported when its turn comes
  const std::byte* start = stored(id);
  for (std::size_t at = 0; at < std::min(row_bytes_, kMost); at += kLine) __builtin_prefetch(start + at);
  __builtin_prefetch(split_.labels.get() + rows_[static_cast<std::size_t>(id)]);
}

}  // namespace lockstep
