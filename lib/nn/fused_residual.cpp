#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/residual_norm.hpp"
#include "nn/fused.hpp"
#include "nn/fused_support.hpp"

namespace lockstep::fused {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = std::optional<Tensor>;

struct NormOptions {
  double eps;
  bool post;  // the stream goes on normalised
  kernels::DropoutMask mask;
};

Tensor or_none(const OptionalTensor& x) { return x ? *x : Tensor(); }

// {sum or normed, normed in bf16}
class ResidualNorm : public torch::autograd::Function<ResidualNorm> {
 public:
  static variable_list forward(AutogradContext* context, const Tensor& base, const OptionalTensor& branch,
                               const OptionalTensor& bias, const Tensor& gamma, const Tensor& beta,
                               const NormOptions& options) {
    const Launch launch(base);
    const Tensor in = base.contiguous(), add = contiguous(or_none(branch)), b = or_none(bias);
    const Tensor sum = branch ? new_like(in, at::kFloat) : in;
    const Tensor normed = new_like(in, at::kBFloat16),
                 wide = options.post ? new_like(in, at::kFloat) : Tensor();
    const auto rows = rows_of(in);
    const Tensor mean = at::empty({rows}, sum.options().requires_grad(false)), rstd = at::empty_like(mean);
    kernels::residual_norm({rows,
                            in.size(-1),
                            fp32(in),
                            {bf16(add), fp32(b), options.mask},
                            fp32(gamma),
                            fp32(beta),
                            static_cast<float>(options.eps),
                            branch ? fp32(sum) : nullptr,
                            fp32(wide),
                            bf16(normed),
                            fp32(mean),
                            fp32(rstd)},
                           launch.stream());
    context->set_materialize_grads(false);
    context->save_for_backward({sum, mean, rstd, gamma, beta, b});
    context->saved_data["branch"] = branch.has_value();
    context->saved_data["post"] = options.post;
    context->saved_data["mask"] = packed(options.mask);
    return {options.post ? wide : branch ? sum : base, normed};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &sum = saved[0], &gamma = saved[3], &beta = saved[4], &bias = saved[5];
    const bool post = context->saved_data["post"].toBool(), branch = context->saved_data["branch"].toBool();
    const Launch launch(sum);
    const Tensor stream = contiguous(gradients[0]), normed = contiguous(gradients[1]);
    const Tensor d_base = new_like(sum, at::kFloat),
                 d_branch = branch ? new_like(sum, at::kBFloat16) : Tensor();
    const auto rows = rows_of(sum), columns = sum.size(-1);
    const ColumnGradients sums(sum, kernels::norm_parts(rows, columns), 3, columns);
    kernels::residual_norm_backward(
        {rows, columns, fp32(sum), fp32(saved[1]), fp32(saved[2]), fp32(gamma),
         unpacked(context->saved_data["mask"].toIntVector()), post ? nullptr : fp32(stream),
         post ? fp32(stream) : nullptr, bf16(normed), fp32(d_base), bf16(d_branch), sums.partial_sums()},
        launch.stream());
    const GradientSink d_gamma(gamma), d_beta(beta);
    if (!branch) {
      sums.add_up({&d_gamma, &d_beta}, launch.stream());
      return {d_base, Tensor(), Tensor(), d_gamma.result(), d_beta.result(), Tensor()};
    }
    const GradientSink d_bias(bias);
    sums.add_up({&d_gamma, &d_beta, &d_bias}, launch.stream());
    return {d_base, d_branch, d_bias.result(), d_gamma.result(), d_beta.result(), Tensor()};
  }
};

class ResidualAdd : public torch::autograd::Function<ResidualAdd> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& base, const Tensor& branch,
                        const Tensor& bias, const kernels::DropoutMask& mask) {
    const Launch launch(base);
    const Tensor in = base.contiguous(), add = branch.contiguous();
    Tensor sum = new_like(in, at::kFloat);
    kernels::residual_add(fp32(in), {bf16(add), fp32(bias), mask}, fp32(sum), rows_of(in), in.size(-1),
                          launch.stream());
    context->save_for_backward({bias});
    context->saved_data["mask"] = packed(mask);
    return sum;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const Tensor bias = context->get_saved_variables()[0], d_sum = gradients[0].contiguous();
    const Launch launch(d_sum);
    const Tensor d_branch = new_like(d_sum, at::kBFloat16);
    const auto rows = rows_of(d_sum), columns = d_sum.size(-1);
    const ColumnGradients sums(d_sum, kernels::column_parts(rows, columns), 1, columns);
    kernels::residual_add_backward(fp32(d_sum), unpacked(context->saved_data["mask"].toIntVector()),
                                   bf16(d_branch), sums.partial_sums(), rows, columns, launch.stream());
    const GradientSink d_bias(bias);
    sums.add_up({&d_bias}, launch.stream());
    return {gradients[0], d_branch, d_bias.result(), Tensor()};
  }
};

Normed normed(const Tensor& base, const OptionalTensor& branch, const OptionalTensor& bias,
              const torch::nn::LayerNorm& norm, bool post, double p) {
  const NormOptions options{norm->options.eps(), post, draw_mask(p, base)};
  const variable_list both =
      ResidualNorm::apply(base.to(at::kFloat), branch, bias, norm->weight, norm->bias, options);
  return {both[0], both[1]};
}

}  // namespace

Normed norm(const std::vector<Tensor>& flow, double p, const torch::nn::LayerNorm& norm) {
  if (flow.size() == 1) return normed(flow[0], std::nullopt, std::nullopt, norm, false, 0);
  return add_norm(flow[0], {flow[1], flow[2], p}, norm);
}

Normed add_norm(const Tensor& base, const Branch& branch, const torch::nn::LayerNorm& norm) {
  return normed(base, branch.values, branch.bias, norm, false, branch.p);
}

Normed add_then_norm(const Tensor& base, const Branch& branch, const torch::nn::LayerNorm& norm) {
  return normed(base, branch.values, branch.bias, norm, true, branch.p);
}

Tensor add(const std::vector<Tensor>& flow, double p) {
  return ResidualAdd::apply(flow[0].to(at::kFloat), flow[1], flow[2], draw_mask(p, flow[0]));
}

}  // namespace lockstep::fused
