// ChunkCosts: time and memory of any run of layers in constant time, from prefix sums. For partition.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/partition.hpp"

namespace lockstep {

class ChunkCosts {
 public:
  // Error(bad_input) for costs that are negative or not finite.
  explicit ChunkCosts(const PartitionProblem& problem);

  int layers() const { return static_cast<int>(forward_.size()) - 1; }
  int chunks() const { return static_cast<int>(peak_.size()); }
  int stages() const { return stages_; }

  // Of the layers begin .. end - 1. Seconds of one micro-batch.
  double forward(int begin, int end) const { return forward_[at(end)] - forward_[at(begin)]; }
  double backward(int begin, int end) const { return backward_[at(end)] - backward_[at(begin)]; }
  double compute(int begin, int end) const { return compute_[at(end)] - compute_[at(begin)]; }
  // One message from layer `layer` - 1 to `layer`; none outside the model or within one stage.
  double message(int layer) const { return message_[at(layer)]; }
  double transfer(int begin, int end) const { return 2 * (message(begin) + message(end)); }
  double seconds(int begin, int end) const { return compute(begin, end) + transfer(begin, end); }

  std::int64_t parameters(int begin, int end) const { return parameters_[at(end)] - parameters_[at(begin)]; }
  // Kept of one micro-batch.
  std::int64_t held(int begin, int end) const {
    return saved_[at(end)] - saved_[at(begin)] + input_[at(begin)];
  }
  // Bytes as chunk `chunk`. Where a stage has several chunks, at most this: their peaks may come at other
  // times.
  std::int64_t memory(int begin, int end, int chunk) const {
    return parameters(begin, end) * per_parameter_ + peak_[at(chunk)] * held(begin, end);
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }

  int stages_;
  std::int64_t per_parameter_;  // values, gradient, moments
  std::vector<std::int64_t> peak_;
  std::vector<double> forward_, backward_, compute_, message_;
  std::vector<std::int64_t> parameters_, saved_, input_;
};

}  // namespace lockstep
