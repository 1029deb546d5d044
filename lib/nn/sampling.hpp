// Drawing tokens from a model's logits.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include "base/random.hpp"

namespace lockstep {

// logits: (V), any device and type. The index drawn from softmax(logits / temperature); at temperature 0 the
// first of the largest. temperature >= 0.
std::int64_t sample_token(const torch::Tensor& logits, double temperature, RandomStream& stream);

// Evaluation mode and no gradients while it lives, then the mode from before.
class InferenceGuard {
 public:
  explicit InferenceGuard(torch::nn::Module& module) : module_(module), training_(module.is_training()) {
    module_.eval();
  }
  ~InferenceGuard() { module_.train(training_); }
  InferenceGuard(const InferenceGuard&) = delete;
  InferenceGuard& operator=(const InferenceGuard&) = delete;

 private:
  torch::nn::Module& module_;
  bool training_;
  torch::NoGradGuard no_grad_;
};

}  // namespace lockstep
