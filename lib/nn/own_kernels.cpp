#include "nn/own_kernels.hpp"

#include <atomic>

namespace lockstep {

namespace {

std::atomic<bool>& choice() {
  static std::atomic<bool> own{true};
  return own;
}

}  // namespace

bool own_kernels() { return choice().load(std::memory_order_relaxed); }
void set_own_kernels(bool own) { choice().store(own, std::memory_order_relaxed); }

bool takes_own_loops(const torch::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == torch::kFloat32 && own_kernels();
}

}  // namespace lockstep
