// Batch normalisation of images, with parameters and buffers named as torch::nn::BatchNorm2d names them, and
// a place where whoever knows of other ranks can put another training forward pass. Knows nothing of ranks
// itself.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <utility>

namespace lockstep {

class BatchNorm2dImpl : public torch::nn::Module {
 public:
  // x: (N, C, H, W); returns the same shape. Updates the running statistics.
  using TrainingForward = std::function<torch::Tensor(const torch::Tensor& x, BatchNorm2dImpl& self)>;

  explicit BatchNorm2dImpl(std::int64_t channels);

  // (N, C, H, W) -> the same: by the statistics of the batch while training, by the running ones in
  // evaluation.
  torch::Tensor forward(const torch::Tensor& x);

  // Replaces the forward pass while training; an empty function restores the usual one.
  void set_training_forward(TrainingForward forward) { training_forward_ = std::move(forward); }

  torch::Tensor weight, bias;               // (C) fp32
  torch::Tensor running_mean, running_var;  // (C) fp32
  torch::Tensor num_batches_tracked;        // scalar int64
  double momentum = 0.1;
  double eps = 1e-5;

 private:
  TrainingForward training_forward_;
};

}  // namespace lockstep
