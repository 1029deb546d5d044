#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/activation.hpp"
#include "nn/fused.hpp"
#include "nn/fused_support.hpp"

namespace lockstep::fused {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kRowElements = 64;  // logits: 128 bytes

class Linear : public torch::autograd::Function<Linear> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight) {
    const Tensor w = weight.to(at::kBFloat16);
    context->save_for_backward({x, w, weight});
    return at::mm(x, w.t());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor dy = gradients[0].contiguous();
    return {at::mm(dy, saved[1]), weight_gradient(saved[2], dy, saved[0])};
  }
};

// What both activations have in common: the products, and the bias's gradient on the way.
struct Hidden {
  const Tensor &x, &w, &weight, &bias;

  // backward(d_in, partial sums): the activation's backward pass.
  template <typename Backward>
  variable_list backward(const Tensor& d_out, const Backward& activation) const {
    const Launch launch(d_out);
    const Tensor d_in = at::empty_like(d_out);
    const auto rows = d_out.size(0), columns = d_out.size(1);
    const ColumnGradients sums(d_out, kernels::column_parts(rows, columns), 1, columns);
    activation(bf16(d_in), sums.partial_sums(), rows, columns, launch.stream());
    const GradientSink d_bias(bias);
    sums.add_up({&d_bias}, launch.stream());
    return {at::mm(d_in, w), weight_gradient(weight, d_in, x), d_bias.result()};
  }
};

class LinearGelu : public torch::autograd::Function<LinearGelu> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& bias) {
    const Launch launch(x);
    const Tensor w = weight.to(at::kBFloat16);
    const Tensor in = at::addmm(bias.to(at::kBFloat16), x, w.t());
    Tensor out = at::empty_like(in);
    kernels::gelu(bf16(in), bf16(out), in.size(0), in.size(1), launch.stream());
    context->save_for_backward({x, w, weight, bias, in});
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor d_out = gradients[0].contiguous();
    return Hidden{saved[0], saved[1], saved[2], saved[3]}.backward(
        d_out,
        [&](kernels::Bf16* d_in, float* sums, std::int64_t rows, std::int64_t columns, cudaStream_t s) {
          kernels::gelu_backward(bf16(saved[4]), bf16(d_out), d_in, sums, rows, columns, s);
        });
  }
};

class LinearRelu : public torch::autograd::Function<LinearRelu> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const kernels::DropoutMask& mask) {
    const Launch launch(x);
    const Tensor w = weight.to(at::kBFloat16);
    Tensor out = at::addmm(bias.to(at::kBFloat16), x, w.t());
    kernels::relu_dropout(bf16(out), mask, bf16(out), out.size(0), out.size(1), launch.stream());
    context->save_for_backward({x, w, weight, bias, out});
    context->saved_data["scale"] = static_cast<double>(mask.scale);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor d_out = gradients[0].contiguous();
    const auto scale = static_cast<float>(context->saved_data["scale"].toDouble());
    variable_list result = Hidden{saved[0], saved[1], saved[2], saved[3]}.backward(
        d_out,
        [&](kernels::Bf16* d_in, float* sums, std::int64_t rows, std::int64_t columns, cudaStream_t s) {
          kernels::relu_dropout_backward(bf16(saved[4]), bf16(d_out), scale, d_in, sums, rows, columns, s);
        });
    result.emplace_back();
    return result;
  }
};

// The weight (V, E) in bf16 with rows of zeros behind it, so that what lies between rows of logits is zero
// too.
Tensor padded_weight(const Tensor& weight) {
  const std::int64_t rows = weight.size(0), padded = (rows + kRowElements - 1) / kRowElements * kRowElements;
  Tensor w = at::empty({padded, weight.size(1)}, weight.options().dtype(at::kBFloat16));
  w.narrow(0, 0, rows).copy_(weight);
  if (padded > rows) w.narrow(0, rows, padded - rows).zero_();
  return w;
}

class Head : public torch::autograd::Function<Head> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight) {
    const Tensor rows = as_matrix(x), w = padded_weight(weight);
    const Tensor whole = at::mm(rows, w.t());  // (B T, padded)
    context->save_for_backward({rows, w, weight});
    context->saved_data["place"] = reinterpret_cast<std::int64_t>(whole.data_ptr());
    std::vector<std::int64_t> sizes = x.sizes().vec(), strides(sizes.size());
    sizes.back() = weight.size(0);
    strides.back() = 1;
    for (std::size_t d = sizes.size() - 1; d-- > 0;)
      strides[d] = d + 2 == sizes.size() ? w.size(0) : strides[d + 1] * sizes[d + 1];
    const at::AutoDispatchBelowADInplaceOrView no_view;  // a tensor like any other, to autograd
    return whole.as_strided(sizes, strides);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1], &weight = saved[2];
    const bool in_place =
        reinterpret_cast<std::int64_t>(gradients[0].data_ptr()) == context->saved_data["place"].toInt() &&
        gradients[0].dim() > 1 && gradients[0].stride(-2) == w.size(0);
    const Tensor dy = in_place ? whole(gradients[0], x.size(0), w.size(0)) : padded(gradients[0], w);
    std::vector<std::int64_t> sizes = gradients[0].sizes().vec();
    sizes.back() = w.size(1);
    return {at::mm(dy, w).view(sizes), weight_gradient(weight, dy.narrow(1, 0, weight.size(0)), x)};
  }

 private:
  // The gradient took the place of the logits: zeros are between its rows as they were.
  static Tensor whole(const Tensor& dy, std::int64_t rows, std::int64_t columns) {
    return dy.as_strided({rows, columns}, {columns, 1}, dy.storage_offset());
  }

  static Tensor padded(const Tensor& dy, const Tensor& w) {
    const std::int64_t rows = rows_of(dy), columns = dy.size(-1);
    Tensor result = at::zeros({rows, w.size(0)}, w.options());
    result.narrow(1, 0, columns).copy_(dy.reshape({rows, columns}));
    return result;
  }
};

std::vector<std::int64_t> sizes_with(const Tensor& x, std::int64_t columns) {
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes.back() = columns;
  return sizes;
}

// (rows, in) bf16.
Tensor rows_in_bf16(const Tensor& x) { return x.to(at::kBFloat16).reshape({rows_of(x), x.size(-1)}); }

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight) {
  return Linear::apply(rows_in_bf16(x), weight).view(sizes_with(x, weight.size(0)));
}

Tensor linear_gelu(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return LinearGelu::apply(rows_in_bf16(x), weight, bias).view(sizes_with(x, weight.size(0)));
}

Tensor linear_relu(const Tensor& x, const Tensor& weight, const Tensor& bias, double p) {
  return LinearRelu::apply(rows_in_bf16(x), weight, bias, draw_mask(p, x))
      .view(sizes_with(x, weight.size(0)));
}

Tensor head(const Tensor& x, const Tensor& weight) {
  return Head::apply(x.to(at::kBFloat16).contiguous(), weight);
}

}  // namespace lockstep::fused
