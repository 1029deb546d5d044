// TouchedRows: which rows of a table's gradient have been added to. The gradient of an embedding table is zero outside of
// the rows of the batch's words: whoever knows these rows need neither clear nor send the others.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>

namespace lockstep {

class TouchedRows {
 public:
  // table: a leaf, (rows, width). While this lives the backward passes of embed() and mean_embedding() note which rows
  // of its gradient they add to in place. What autograd itself adds is not noted: see touch_all().
  explicit TouchedRows(const torch::Tensor& table);
  ~TouchedRows();
  TouchedRows(const TouchedRows&) = delete;
  TouchedRows& operator=(const TouchedRows&) = delete;

  // Of a table; null where nobody wants to know.
  static TouchedRows* of(const torch::Tensor& table);

  // From any thread, one at a time.
  void touch(std::span<const std::int64_t> rows);
  void touch_all() { mask_.fill_(1); }
  void clear() { mask_.zero_(); }

  // (rows), uint8: 1 where touched.
  const torch::Tensor& mask() const { return mask_; }

 private:
  const void* table_;
  torch::Tensor mask_;
};

}  // namespace lockstep
