#include "nn/linear_function.hpp"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>

#include "nn/gradient_sink.hpp"
#include "nn/own_kernels.hpp"

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

bool takes_own_function(const Tensor& x) {
  return takes_own_loops(x) && !at::autocast::is_autocast_enabled(at::kCPU);
}

bool takes_onednn(const Tensor& x) {
  return takes_own_function(x) && at::globalContext().userEnabledMkldnn() && onednn_linear();
}

// Where a product of x and weight is large enough for it.
bool takes_onednn(const Tensor& x, const Tensor& weight) {
  return x.numel() * weight.size(0) >= kWorthACall && takes_onednn(x);
}

// To the gradient of a weight (out, in): dy (rows, out), x (rows, in).
void add_weight_gradient(Tensor& gradient, const Tensor& dy, const Tensor& x) {
  if (takes_onednn(dy.t(), x.t()))
    gradient.add_(fast_product(dy.t(), x.t()));
  else
    gradient.addmm_(dy.t(), x);
}

class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  // The bias comes first because its gradient then is ready first, as with at::linear: buckets are planned for the
  // reverse of the parameters' order.
  static Tensor forward(AutogradContext* context, const Tensor& x, const OptionalTensor& bias,
                        const Tensor& weight, bool relu) {
    Tensor y = takes_onednn(x, weight) ? multiply(x, weight, bias)
               : bias                  ? at::addmm(*bias, x, weight.t())
                                       : at::mm(x, weight.t());
    if (relu) y.relu_();
    context->save_for_backward({x, weight, bias.value_or(Tensor()), relu ? y : Tensor()});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &bias = saved[2], &y = saved[3];
    Tensor dy = gradients[0].contiguous();  // (rows, out)
    if (y.defined()) dy = at::threshold_backward(dy, y, 0);
    Tensor dx, db, dw;
    std::size_t input = 0;  // among those that are there
    if (context->needs_input_grad(input++)) dx = fast_product(dy, weight.t());
    if (bias.defined() && context->needs_input_grad(input++)) db = bias_gradient(bias, dy);
    if (context->needs_input_grad(input)) dw = weight_gradient(weight, dy, x);
    return {dx, db, dw, Tensor()};
  }

 private:
  static Tensor weight_gradient(const Tensor& weight, const Tensor& dy, const Tensor& x) {
    Tensor present = present_gradient(weight);
    if (!present.defined()) return fast_product(dy.t(), x.t());
    add_weight_gradient(present, dy, x);
    return {};
  }

  static Tensor bias_gradient(const Tensor& bias, const Tensor& dy) {
    const Tensor sum = dy.sum(0);
    Tensor present = present_gradient(bias);
    if (!present.defined()) return sum;
    present.add_(sum);
    return {};
  }
};

}  // namespace

Tensor fast_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation) {
  const bool relu = activation == Activation::relu;
  if (!takes_own_function(x)) {
    Tensor y = at::linear(x, weight, bias);
    return relu ? y.relu_() : y;
  }
  const OptionalTensor given = bias.defined() ? OptionalTensor(bias) : std::nullopt;
  const Tensor y = LinearFunction::apply(x.reshape({-1, x.size(-1)}), given, weight, relu);
  if (x.dim() == 2) return y;
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = weight.size(0);
  return y.view(shape);
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
