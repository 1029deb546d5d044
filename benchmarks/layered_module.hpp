// The modules that ddp_cost and recorder_cost train, layers of one width, and what is made of their steps' times.
#pragma once

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <vector>

namespace lockstep {

inline constexpr int kWarmUp = 20;  // steps that do not count

struct Shape {
  const char* name;
  int layers, width, batch;
};

inline torch::nn::Sequential make(const Shape& shape) {
  torch::nn::Sequential net;
  for (int i = 0; i < shape.layers; ++i) {
    net->push_back(torch::nn::Linear(shape.width, shape.width));
    net->push_back(torch::nn::Tanh());
  }
  return net;
}

// Of the steps after the first kWarmUp.
inline double quantile_of(const std::vector<double>& seconds, double share) {
  std::vector<double> sorted(seconds.begin() + kWarmUp, seconds.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size()))];
}

}  // namespace lockstep
