// bf16 for forward passes.
#pragma once

#include <ATen/autocast_mode.h>
#include <torch/types.h>

namespace lockstep {

// bf16 for the forward pass: matrix products in bf16, sums and the weights themselves in fp32.
class AutocastGuard {
 public:
  AutocastGuard(bool enabled, torch::DeviceType device) : enabled_(enabled), device_(device) {
    if (!enabled_) return;
    at::autocast::set_autocast_dtype(device_, torch::kBFloat16);
    at::autocast::set_autocast_enabled(device_, true);
    at::autocast::increment_nesting();
  }
  ~AutocastGuard() {
    if (!enabled_) return;
    // The weights change before the next forward pass: what was cast from them is stale.
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, false);
  }
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  bool enabled_;
  torch::DeviceType device_;
};

}  // namespace lockstep
