#include "nn/gradient_sink.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/graph_task.h>

namespace lockstep {

bool adds_to_leaves() {
  const auto* wanted = torch::autograd::get_current_graph_task_exec_info();
  return wanted && wanted->empty();
}

GradientSink::GradientSink(const torch::Tensor& parameter) : wanted_(parameter.requires_grad()) {
  const torch::Tensor& present = parameter.grad();
  adds_ = wanted_ && parameter.is_leaf() && present.defined() && present.is_contiguous() &&
          present.scalar_type() == torch::kFloat32 && adds_to_leaves();
  place_ =
      adds_ ? present
            : at::empty(parameter.sizes(), parameter.options().dtype(torch::kFloat32).requires_grad(false));
}

}  // namespace lockstep
