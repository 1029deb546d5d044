#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/residual.hpp"
#include "nn/fused.hpp"
#include "nn/fused_support.hpp"

namespace lockstep::fused {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The gradient of a table (V, E) from that of its rows, in a fixed order: sorted by token.
Tensor table_gradient(const Tensor& table, const Tensor& tokens, const Tensor& rows) {
  if (!table.requires_grad()) return {};
  const GradientSink sink(table);
  Tensor place = sink.place();
  if (!sink.adds()) place.zero_();
  // The check of ids would read them back to the host. One outside the table has made its row NaN, and this
  // one too.
  const Tensor ids = tokens.flatten().clamp(0, table.size(0) - 1);
  at::_index_put_impl_(place, {ids}, rows, /*accumulate=*/true, /*unsafe=*/true);
  return sink.result();
}

// The gradient of positions (context, E) from (B, T, E): summed over the batch.
Tensor position_gradient(const Tensor& positions, const Tensor& gradient) {
  if (!positions.requires_grad()) return {};
  const GradientSink sink(positions);
  Tensor place = sink.place();
  if (!sink.adds()) place.zero_();
  place.narrow(0, 0, gradient.size(1)).add_(gradient.sum(0));
  return sink.result();
}

class LookUp : public torch::autograd::Function<LookUp> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& weight, const Tensor& positions,
                        const Tensor& tokens, const kernels::DropoutMask& mask) {
    const Launch launch(weight);
    const Tensor ids = tokens.contiguous();
    std::vector<std::int64_t> sizes = ids.sizes().vec();
    sizes.push_back(weight.size(1));
    Tensor out = at::empty(sizes, weight.options());
    kernels::look_up(
        {ids.data_ptr<std::int64_t>(), fp32(weight), fp32(positions), weight.size(0), ids.size(1), mask},
        fp32(out), ids.numel(), weight.size(1), launch.stream());
    context->save_for_backward({weight, positions, ids});
    context->saved_data["mask"] = packed(mask);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &weight = saved[0], &positions = saved[1], &ids = saved[2];
    const kernels::DropoutMask mask = unpacked(context->saved_data["mask"].toIntVector());
    Tensor d_in = gradients[0].contiguous();
    if (mask.threshold > 0) {
      const Launch launch(d_in);
      const Tensor d_out = d_in;
      d_in = new_like(d_out, at::kFloat);
      kernels::masked_copy(fp32(d_out), mask, fp32(d_in), rows_of(d_out), d_out.size(-1), launch.stream());
    }
    return {table_gradient(weight, ids, as_matrix(d_in)), position_gradient(positions, d_in), Tensor(),
            Tensor()};
  }
};

}  // namespace

Tensor look_up(const Tensor& tokens, const Tensor& weight, const Tensor& positions, double p) {
  return LookUp::apply(weight.contiguous(), positions.contiguous(), tokens, draw_mask(p, weight));
}

}  // namespace lockstep::fused
