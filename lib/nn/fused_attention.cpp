#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

#include "kernels/merge_heads.hpp"
#include "nn/fused.hpp"
#include "nn/fused_support.hpp"

namespace lockstep::fused {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// LibTorch's attention with a graph of its own, so that whichever of its kernels it takes has its own
// backward pass.
struct Scores : torch::CustomClassHolder {
  variable_list parts;  // query, key, value: (B, heads, T, D) each, views of one tensor
  Tensor out;           // (B, heads, T, D)
};

c10::intrusive_ptr<Scores> attend(const Tensor& qkv, const Attention& options, bool keep) {
  const std::int64_t batch = qkv.size(0), length = qkv.size(1), width = qkv.size(2) / 3;
  const Tensor parts = qkv.view({batch, length, 3, options.heads, width / options.heads})
                           .permute({2, 0, 3, 1, 4});  // (3, B, heads, T, D)
  auto scores = c10::make_intrusive<Scores>();
  for (std::int64_t i = 0; i < 3; ++i) scores->parts.push_back(parts[i].detach().requires_grad_(keep));
  const at::AutoGradMode grad_mode(keep);
  std::optional<Tensor> mask;
  if (options.mask) mask = options.mask->detach().to(at::kBFloat16);
  scores->out = at::scaled_dot_product_attention(scores->parts[0], scores->parts[1], scores->parts[2], mask,
                                                 options.p, /*is_causal=*/!mask.has_value());
  return scores;
}

kernels::HeadGradients head_gradients(const variable_list& parts) {
  const Tensor& first = parts[0];
  kernels::HeadGradients from{{}, {}, first.size(0), first.size(1), first.size(2), first.size(3)};
  for (std::size_t i = 0; i < 3; ++i) {
    from.parts[i] = bf16(parts[i]);
    from.strides[i] = {parts[i].stride(0), parts[i].stride(1), parts[i].stride(2)};
  }
  return from;
}

class AttentionFunction : public torch::autograd::Function<AttentionFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const Attention& options, bool keep) {
    const std::int64_t batch = x.size(0), length = x.size(1), width = x.size(2);
    const Tensor rows = as_matrix(x), w = weight.to(at::kBFloat16);
    const Tensor qkv = at::addmm(bias.to(at::kBFloat16), rows, w.t());  // (B T, 3E)
    const auto scores = attend(qkv.view({batch, length, 3 * width}), options, keep);
    context->save_for_backward({rows, w, weight, bias});
    if (keep) context->saved_data["scores"] = c10::IValue::make_capsule(scores);
    return scores->out.detach().transpose(1, 2).reshape({batch, length, width});
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1], &weight = saved[2], &bias = saved[3];
    const variable_list parts = gradients_of_parts(context, gradients[0]);
    const Launch launch(x);
    const Tensor d_qkv = at::empty({x.size(0), w.size(0)}, x.options());  // (B T, 3E)
    const ColumnGradients sums(x, kernels::column_parts(x.size(0), w.size(0)), 1, w.size(0));
    kernels::merge_heads(head_gradients(parts), bf16(d_qkv), sums.partial_sums(), launch.stream());
    const GradientSink d_bias(bias);
    sums.add_up({&d_bias}, launch.stream());
    return {at::mm(d_qkv, w).view(gradients[0].sizes()), weight_gradient(weight, d_qkv, x), d_bias.result(),
            Tensor(), Tensor()};
  }

 private:
  // By query, key and value; frees what the forward pass kept.
  static variable_list gradients_of_parts(AutogradContext* context, const Tensor& gradient) {
    const auto scores = c10::static_intrusive_pointer_cast<Scores>(context->saved_data["scores"].toCapsule());
    const Tensor out = std::exchange(scores->out, Tensor());
    TORCH_CHECK(out.defined(), "a second backward pass through an attention that has freed its scores");
    const Tensor d_out =
        gradient.contiguous().view({out.size(0), out.size(2), out.size(1), out.size(3)}).transpose(1, 2);
    variable_list result = torch::autograd::grad({out}, std::exchange(scores->parts, {}), {d_out});
    for (Tensor& part : result)
      if (part.stride(3) != 1) part = part.contiguous();
    return result;
  }
};

}  // namespace

Tensor attention(const Tensor& x, const Attention& options) {
  const Tensor in = x.to(at::kBFloat16).contiguous();
  const bool keep = at::GradMode::is_enabled() &&
                    (in.requires_grad() || options.weight.requires_grad() || options.bias.requires_grad());
  return AttentionFunction::apply(in, options.weight, options.bias, options, keep);
}

}  // namespace lockstep::fused
