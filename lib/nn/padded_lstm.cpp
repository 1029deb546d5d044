#include "nn/padded_lstm.hpp"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <vector>

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Cell {
  Tensor h, c;   // (B, H)
  Tensor gates;  // (B, 4H): i, f, g, o
};

Cell cell(const Tensor& input, const Tensor& recurrent, const Tensor& before) {
  if (input.is_cuda()) {
    const auto [h, c, gates] = at::_thnn_fused_lstm_cell(input, recurrent, before);
    return {h, c, gates};
  }
  const std::vector<Tensor> sums = (input + recurrent).chunk(4, 1);
  const Tensor i = sums[0].sigmoid(), f = sums[1].sigmoid(), g = sums[2].tanh(), o = sums[3].sigmoid();
  const Tensor c = f * before + i * g;
  return {o * c.tanh(), c, at::cat({i, f, g, o}, 1)};
}

struct CellGradient {
  Tensor gates, before;  // by the sums of the gates (B, 4H), and by c before the step
};

CellGradient cell_backward(const Tensor& dh, const Tensor& dc, const Tensor& before, const Tensor& c,
                           const Tensor& gates) {
  if (gates.is_cuda()) {
    const auto [sums, d_before, bias] =
        at::_thnn_fused_lstm_cell_backward_impl(dh, dc, before, c, gates, /*has_bias=*/false);
    return {sums, d_before};
  }
  const std::vector<Tensor> a = gates.chunk(4, 1);
  const Tensor t = c.tanh(), d = dc + dh * a[3] * (1 - t * t);
  return {at::cat({d * a[2] * a[0] * (1 - a[0]), d * before * a[1] * (1 - a[1]), d * a[0] * (1 - a[2] * a[2]),
                   dh * t * a[3] * (1 - a[3])},
                  1),
          d * a[1]};
}

class PaddedLstm : public torch::autograd::Function<PaddedLstm> {
 public:
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& h0, const Tensor& c0,
                               const Tensor& weight_ih, const Tensor& weight_hh, const Tensor& bias_ih,
                               const Tensor& bias_hh, const std::optional<Tensor>& live) {
    const Tensor input = at::linear(x, weight_ih, bias_ih + bias_hh);  // (T, B, 4H)
    const Tensor by_h = weight_hh.t();
    std::vector<Tensor> h, c, gates;
    for (std::int64_t t = 0; t < x.size(0); ++t) {
      const Tensor &h_before = t == 0 ? h0 : h.back(), &c_before = t == 0 ? c0 : c.back();
      Cell now = cell(input[t], at::mm(h_before, by_h), c_before);
      if (live) {
        now.h = at::where((*live)[t], now.h, h_before);
        now.c = at::where((*live)[t], now.c, c_before);
      }
      h.push_back(now.h);
      c.push_back(now.c);
      gates.push_back(now.gates);
    }
    const Tensor all_h = at::stack(h);
    context->save_for_backward(
        {x, h0, c0, weight_ih, weight_hh, live.value_or(Tensor()), all_h, at::stack(c), at::stack(gates)});
    return {all_h, h.back(), c.back()};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &h0 = saved[1], &c0 = saved[2], &weight_ih = saved[3], &weight_hh = saved[4],
                 &live = saved[5], &h = saved[6], &c = saved[7], &gates = saved[8];
    const std::int64_t steps = x.size(0);
    Tensor dh = gradients[1], dc = gradients[2];
    std::vector<Tensor> sums(static_cast<std::size_t>(steps));
    for (std::int64_t t = steps - 1; t >= 0; --t) {
      dh = dh + gradients[0][t];
      Tensor kept_h, kept_c;  // of samples that have no such step
      if (live.defined()) {
        const Tensor padding = live[t].logical_not();
        kept_h = dh.masked_fill(live[t], 0);
        kept_c = dc.masked_fill(live[t], 0);
        dh = dh.masked_fill(padding, 0);
        dc = dc.masked_fill(padding, 0);
      }
      const CellGradient d = cell_backward(dh, dc, t == 0 ? c0 : c[t - 1], c[t], gates[t]);
      sums[static_cast<std::size_t>(t)] = d.gates;
      dh = at::mm(d.gates, weight_hh);
      dc = d.before;
      if (live.defined()) {
        dh = dh + kept_h;
        dc = dc + kept_c;
      }
    }
    const Tensor all = at::cat(sums, 0);  // (T B, 4H)
    const Tensor before = at::cat({h0.unsqueeze(0), h.narrow(0, 0, steps - 1)}).flatten(0, 1),
                 db = all.sum(0);
    Tensor dx;
    if (context->needs_input_grad(0)) dx = at::mm(all, weight_ih).view(x.sizes());
    return {dx, dh, dc, at::mm(all.t(), x.flatten(0, 1)), at::mm(all.t(), before), db, db, Tensor()};
  }
};

}  // namespace

PaddedLstmOutput padded_lstm(const PaddedLstmInput& in) {
  at::ScalarType type = in.x.scalar_type();
  const at::DeviceType device = in.x.device().type();
  if (at::autocast::is_autocast_enabled(device)) type = at::autocast::get_autocast_dtype(device);
  const variable_list out = [&] {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    return PaddedLstm::apply(in.x.to(type), in.h0.to(type), in.c0.to(type), in.weight_ih.to(type),
                             in.weight_hh.to(type), in.bias_ih.to(type), in.bias_hh.to(type),
                             in.live.defined() ? std::optional<Tensor>(in.live) : std::nullopt);
  }();
  return {out[0], out[1], out[2]};
}

}  // namespace lockstep
