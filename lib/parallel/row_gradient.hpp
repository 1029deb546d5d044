// RowGradient: the gradient of an embedding table, cleared and reduced by the rows that a step touches. All ranks first
// learn which rows any of them has touched; where these are few they travel alone, at the front of the gradient's own
// memory. The result is that of reducing the whole.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <vector>

#include "comm/communicator.hpp"
#include "nn/touched_rows.hpp"
#include "parallel/flat_buckets.hpp"

namespace lockstep {

// Marks those parameters that are tables of word_embedding() on the CPU.
void mark_tables(std::vector<NamedParameter>& parameters, const torch::nn::Module& module);

class RowGradient {
 public:
  explicit RowGradient(const torch::Tensor& table) : touched_(table), width_(table.size(1)) {}

  // Autograd has added to the gradient, in rows that nobody knows.
  void touch_all() { touched_.touch_all(); }

  // gradient, in all of these: the table's bucket, (elements), fp32, its rows first.
  // Begins a step: rows that the last one has touched, on any rank, become zero.
  void clear(const torch::Tensor& gradient);

  // Collective, after the backward passes: launches the exchange of which rows are touched.
  WorkPtr share_touched(Communicator& communicator);
  // After that: moves the touched rows of the gradient to its front and returns them, (touched x width), or, where
  // they are more than half, leaves all where it is and returns it.
  torch::Tensor pack(const torch::Tensor& gradient);
  // Moves them back.
  void unpack(const torch::Tensor& gradient);

 private:
  TouchedRows touched_;
  std::int64_t width_, packed_ = 0;  // rows
};

}  // namespace lockstep
