#include "nn/linear_function.hpp"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Measured on an AMD EPYC with LibTorch 2.11, fp32, one thread: oneDNN takes 0.6 to 0.9 of the time of MKL's
// sgemm, but pays 20 us a call, and loses that for a weight gradient that sums over thousands of rows;
// summing a thousand at a time keeps it (0.55 to 0.85).
constexpr std::int64_t kWorthACall = 1 << 25;  // multiply-adds
constexpr std::int64_t kManyRows = 1024;
// Laying a weight out takes it as long as multiplying 64 rows.
constexpr std::int64_t kWorthPacking = 1 << 20;  // multiply-adds of one of the products
constexpr std::int64_t kManyProducts = 4;

// The operators are registered where LibTorch was built with oneDNN. Boxed calls do not depend on the C++
// types behind their schemas, which have changed between releases.
const std::optional<c10::OperatorHandle>& onednn_linear() {
  static const auto handle = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  return handle;
}

const std::optional<c10::OperatorHandle>& onednn_packing() {
  static const auto handle = c10::Dispatcher::singleton().findSchema({"mkldnn::_reorder_linear_weight", ""});
  return handle;
}

using OptionalTensor = std::optional<Tensor>;

// x (rows, in), weight (out, in), bias (out).
Tensor multiply(const Tensor& x, const Tensor& weight, const OptionalTensor& bias) {
  c10::List<std::optional<at::Scalar>> no_scalars;
  torch::jit::Stack stack{x, weight, bias ? c10::IValue(*bias) : c10::IValue(), "none", no_scalars, ""};
  onednn_linear()->callBoxed(&stack);
  return stack[0].toTensor();
}

bool takes_onednn(const Tensor& x) {
  return x.is_cpu() && x.scalar_type() == torch::kFloat32 && !at::autocast::is_autocast_enabled(at::kCPU) &&
         at::globalContext().userEnabledMkldnn() && onednn_linear();
}

bool takes_onednn(const Tensor& x, const Tensor& weight) {
  return x.numel() * weight.size(0) >= kWorthACall && takes_onednn(x);
}

class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const OptionalTensor& bias) {
    context->save_for_backward({x, weight});
    context->saved_data["bias"] = bias.has_value();
    return multiply(x, weight, bias);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const Tensor dy = gradients[0].contiguous();  // (rows, out)
    Tensor dx, dw;
    if (context->needs_input_grad(0)) dx = multiply(dy, weight.t(), std::nullopt);
    if (context->needs_input_grad(1)) dw = fast_product(dy.t(), x.t());
    return {dx, dw, context->saved_data["bias"].toBool() ? dy.sum(0) : Tensor()};
  }
};

}  // namespace

Tensor fast_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (!takes_onednn(x, weight)) return at::linear(x, weight, bias);
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = weight.size(0);
  const OptionalTensor given = bias.defined() ? OptionalTensor(bias) : std::nullopt;
  return LinearFunction::apply(x.reshape({-1, x.size(-1)}), weight, given).view(shape);
}

Tensor fast_product(const Tensor& x, const Tensor& weight) {
  if (!takes_onednn(x, weight)) return at::mm(x, weight.t());
  const std::int64_t terms = x.size(1);
  const bool weight_gradient = x.stride(1) != 1;  // what is summed over are a batch's rows
  if (!weight_gradient || terms <= kManyRows) return multiply(x, weight, std::nullopt);
  Tensor sum;
  for (std::int64_t first = 0; first < terms; first += kManyRows) {
    const std::int64_t count = std::min(kManyRows, terms - first);
    const Tensor a = x.narrow(1, first, count), b = weight.narrow(1, first, count);
    if (!sum.defined()) {
      sum = fast_product(a, b);
    } else if (takes_onednn(a, b)) {
      sum.add_(multiply(a, b, std::nullopt));
    } else {
      sum.addmm_(a, b.t());
    }
  }
  return sum;
}

PackedWeight::PackedWeight(const Tensor& weight, std::int64_t rows, std::int64_t products) : weight_(weight) {
  if (products < kManyProducts || rows * weight.numel() < kWorthPacking) return;
  if (!takes_onednn(weight) || !onednn_packing()) return;
  torch::jit::Stack stack{weight.contiguous(), rows};
  onednn_packing()->callBoxed(&stack);
  weight_ = stack[0].toTensor();
  packed_ = true;
}

Tensor PackedWeight::times(const Tensor& x) const {
  return packed_ ? multiply(x, weight_, std::nullopt) : fast_product(x, weight_);
}

}  // namespace lockstep
