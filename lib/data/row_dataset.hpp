// What datasets over encoded rows share: rows chosen and checked, labels written, memory asked for ahead of
// time. How a row becomes a sample is the derived class's.
#pragma once

#include <memory>
#include <vector>

#include "data/dataset.hpp"
#include "data/encoded_data.hpp"

namespace lockstep {

class RowDataset : public Dataset {
 public:
  // Sample i is row rows[i] of the split, whose rows have row_bytes bytes each.
  RowDataset(std::shared_ptr<const DatasetInfo> info, EncodedSplit split, std::vector<std::int64_t> rows,
             std::size_t row_bytes);
  const DatasetInfo& info() const override { return *info_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(rows_.size()); }
  void fetch(std::span<const std::int64_t> ids, std::int64_t epoch, Batch& out) const override;

 protected:
  const std::byte* stored(std::int64_t id) const {
    return split_.inputs.get() + static_cast<std::size_t>(rows_[static_cast<std::size_t>(id)]) * row_bytes_;
  }

 private:
  virtual void write_sample(std::int64_t id, std::int64_t epoch, std::size_t slot, Batch& out) const = 0;
  void prefetch(std::int64_t id) const;

  std::shared_ptr<const DatasetInfo> info_;
  EncodedSplit split_;
  std::vector<std::int64_t> rows_;
  std::size_t row_bytes_;
};

}  // namespace lockstep
