#include "nn/gradient_sink.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/graph_task.h>

namespace lockstep {

bool adds_to_leaves() {
  const auto* wanted = torch::autograd::get_current_graph_task_exec_info();
  return wanted && wanted->empty();
}

torch::Tensor present_gradient(const torch::Tensor& parameter) {
  if (!parameter.requires_grad() || !parameter.is_leaf()) return {};
  const torch::Tensor& present = parameter.grad();
  const bool fits = present.defined() && present.is_contiguous() && present.scalar_type() == torch::kFloat32;
  return fits && adds_to_leaves() ? present : torch::Tensor();
}

GradientSink::GradientSink(const torch::Tensor& parameter)
    : wanted_(parameter.requires_grad()), place_(present_gradient(parameter)) {
  adds_ = place_.defined();
  if (!adds_)
    place_ = at::empty(parameter.sizes(), parameter.options().dtype(torch::kFloat32).requires_grad(false));
}

}  // namespace lockstep
