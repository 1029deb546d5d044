#include "nn/touched_rows.hpp"

#include <ATen/ATen.h>

#include <mutex>
#include <unordered_map>

namespace lockstep {

namespace {

struct Watched {
  std::mutex mutex;
  std::unordered_map<const void*, TouchedRows*> by_table;  // by the tensor's identity
};

Watched& watched() {
  static Watched all;
  return all;
}

}  // namespace

TouchedRows::TouchedRows(const torch::Tensor& table)
    : table_(table.unsafeGetTensorImpl()), mask_(at::zeros({table.size(0)}, at::kByte)) {
  const std::lock_guard lock(watched().mutex);
  watched().by_table[table_] = this;
}

TouchedRows::~TouchedRows() {
  const std::lock_guard lock(watched().mutex);
  const auto found = watched().by_table.find(table_);
  if (found != watched().by_table.end() && found->second == this) watched().by_table.erase(found);
}

TouchedRows* TouchedRows::of(const torch::Tensor& table) {
  const std::lock_guard lock(watched().mutex);
  const auto found = watched().by_table.find(table.unsafeGetTensorImpl());
  return found == watched().by_table.end() ? nullptr : found->second;
}

void TouchedRows::touch(std::span<const std::int64_t> rows) {
  auto* mask = mask_.data_ptr<std::uint8_t>();
  for (const std::int64_t row : rows) mask[row] = 1;
}

}  // namespace lockstep
