#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/embedding.hpp"
#include "kernels/residual.hpp"
#include "nn/fused.hpp"
#include "nn/fused_support.hpp"
#include "nn/own_kernels.hpp"

namespace lockstep::fused {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kPadding = 0, kNoPadding = -1;

kernels::Tokens tokens_of(const Tensor& ids, const Tensor& table, std::int64_t padding) {
  return {ids.const_data_ptr<std::int64_t>(), ids.size(0), ids.size(1), table.size(0), padding};
}

// The gradient of a table (V, E) from that of its rows: gradient (B, T, E), shares undefined; or of the documents' means:
// gradient (B, E), shares (B).
Tensor table_gradient(const Tensor& table, const kernels::Tokens& tokens, const Tensor& gradient,
                      const Tensor& shares) {
  if (!table.requires_grad()) return {};
  const Launch launch(table);
  const GradientSink sink(table);
  Tensor place = sink.place();
  if (!sink.adds()) place.zero_();
  const auto bytes = static_cast<std::int64_t>(kernels::by_id_scratch(tokens, table.size(1)));
  const Tensor scratch = at::empty({bytes}, table.options().dtype(at::kByte).requires_grad(false));
  kernels::add_by_id(tokens, fp32(gradient), fp32(shares), fp32(place), table.size(1), scratch.data_ptr(),
                     launch.stream());
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
    return {table_gradient(weight, tokens_of(ids, weight, kNoPadding), d_in, Tensor()),
            position_gradient(positions, d_in), Tensor(), Tensor()};
  }
};

class Embed : public torch::autograd::Function<Embed> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& weight, const Tensor& tokens,
                        std::int64_t padding) {
    const Launch launch(weight);
    const Tensor ids = tokens.contiguous();
    Tensor out = at::empty({ids.size(0), ids.size(1), weight.size(1)}, weight.options());
    kernels::embed_rows(tokens_of(ids, weight, padding), fp32(weight), fp32(out), weight.size(1),
                        launch.stream());
    context->save_for_backward({weight, ids});
    context->saved_data["padding"] = padding;
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const kernels::Tokens tokens = tokens_of(saved[1], saved[0], context->saved_data["padding"].toInt());
    return {table_gradient(saved[0], tokens, gradients[0].contiguous(), Tensor()), Tensor(), Tensor()};
  }
};

class MeanEmbedding : public torch::autograd::Function<MeanEmbedding> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& weight, const Tensor& tokens) {
    const Launch launch(weight);
    const Tensor ids = tokens.contiguous();
    Tensor means = at::empty({ids.size(0), weight.size(1)}, weight.options());
    const Tensor shares = at::empty({ids.size(0)}, means.options().requires_grad(false));
    kernels::mean_of_rows(tokens_of(ids, weight, kPadding), fp32(weight), fp32(means), fp32(shares),
                          weight.size(1), launch.stream());
    context->save_for_backward({weight, ids, shares});
    return means;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const kernels::Tokens tokens = tokens_of(saved[1], saved[0], kPadding);
    return {table_gradient(saved[0], tokens, gradients[0].contiguous(), saved[2]), Tensor()};
  }
};

}  // namespace

Tensor look_up(const Tensor& tokens, const Tensor& weight, const Tensor& positions, double p) {
  return LookUp::apply(weight.contiguous(), positions.contiguous(), tokens, draw_mask(p, weight));
}

bool takes_table(const Tensor& weight) {
  return own_kernels() && weight.is_cuda() && weight.scalar_type() == at::kFloat && weight.is_contiguous();
}

Tensor embed(const Tensor& weight, const Tensor& tokens) { return Embed::apply(weight, tokens, kPadding); }
Tensor look_up_rows(const Tensor& weight, const Tensor& tokens) {
  return Embed::apply(weight, tokens, kNoPadding);
}
Tensor mean_embedding(const Tensor& weight, const Tensor& tokens) {
  return MeanEmbedding::apply(weight, tokens);
}

}  // namespace lockstep::fused
