#include "nn/lstm_steps.hpp"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <numeric>

#include "nn/float_rows.hpp"
#include "nn/linear_function.hpp"
#include "nn/lstm_kernels.hpp"
#include "nn/own_kernels.hpp"
#include "nn/padded_lstm.hpp"

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

LstmTrace new_trace(const Tensor& like, std::int64_t rows, std::int64_t units) {
  const auto options = like.options().requires_grad(false);
  return {at::empty({rows, 4 * units}, options), at::empty({rows, units}, options),
          at::empty({rows, units}, options)};
}

// Steps [trace.steps, end) of the sequence. x: (rows of these steps, 4H), the input's part of the gates with
// both biases. place: the first of these rows in the trace.
void advance(const Tensor& x, const PackedWeight& weight_hh, const Tensor& h0, const Tensor& c0,
             const StepRows& rows, std::int64_t end, std::int64_t place, LstmTrace& trace) {
  std::int64_t read = 0;
  for (; trace.steps < end; ++trace.steps) {
    const std::int64_t t = trace.steps, count = rows[static_cast<std::size_t>(t)];
    const std::int64_t before = t == 0 ? 0 : place - rows[static_cast<std::size_t>(t - 1)];
    const Tensor h_before = (t == 0 ? h0 : trace.h).narrow(0, before, count);
    const Tensor c_before = (t == 0 ? c0 : trace.c).narrow(0, before, count);
    const Tensor recurrent = weight_hh.times(h_before);  // (count, 4H)
    for_float_rows(count, [&](std::int64_t r) {
      kernels::lstm_cell(float_row(x, read + r), float_row(recurrent, r), float_row(c_before, r),
                         float_row(trace.gates, place + r), float_row(trace.c, place + r),
                         float_row(trace.h, place + r));
    });
    read += count;
    place += count;
  }
}

// The gradient by the gates, (N, 4H). dh, dc: (B, H), by the last state of each sample; become those by the
// first.
Tensor gate_gradients(const LstmTrace& trace, const Tensor& weight_hh, const Tensor& c0, const StepRows& rows,
                      const Tensor& dy, Tensor& dh, Tensor& dc) {
  Tensor result = at::empty_like(trace.gates);
  const PackedWeight by_h(weight_hh.t(), rows[0], static_cast<std::int64_t>(rows.size()));
  std::int64_t place = trace.c.size(0);
  for (std::size_t t = rows.size(); t-- > 0;) {
    const std::int64_t count = rows[t];
    place -= count;
    const std::int64_t before = t == 0 ? 0 : place - rows[t - 1];
    const Tensor& c_before = t == 0 ? c0 : trace.c;
    for_float_rows(count, [&](std::int64_t r) {
      kernels::lstm_cell_backward(float_row(trace.gates, place + r), float_row(trace.c, place + r),
                                  float_row(c_before, before + r), float_row(dy, place + r), float_row(dh, r),
                                  float_row(dc, r), float_row(result, place + r));
    });
    dh.narrow(0, 0, count).copy_(by_h.times(result.narrow(0, place, count)));
  }
  return result;
}

class LstmFunction : public torch::autograd::Function<LstmFunction> {
 public:
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& h0, const Tensor& c0,
                               const Tensor& weight_ih, const Tensor& weight_hh, const Tensor& bias_ih,
                               const Tensor& bias_hh, const StepRows& rows, const LstmTrace& taken) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    LstmTrace trace = taken;
    if (!trace.gates.defined()) trace = new_trace(x, x.size(0), weight_hh.size(1));
    const auto steps = static_cast<std::int64_t>(rows.size());
    if (trace.steps < steps) {
      const std::int64_t place = std::accumulate(rows.begin(), rows.begin() + trace.steps, std::int64_t{0});
      const Tensor input = fast_linear(x.narrow(0, place, x.size(0) - place), weight_ih, bias_ih + bias_hh);
      advance(input, PackedWeight(weight_hh, rows[0], steps - trace.steps), h0, c0, rows, steps, place,
              trace);
    }
    context->save_for_backward({x, h0, c0, weight_ih, weight_hh, trace.gates, trace.c, trace.h});
    context->saved_data["rows"] = rows;
    return {trace.h, last_rows(trace.h, rows), last_rows(trace.c, rows)};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &h0 = saved[1], &c0 = saved[2], &weight_ih = saved[3], &weight_hh = saved[4];
    const LstmTrace trace{saved[5], saved[6], saved[7]};
    const StepRows rows = context->saved_data["rows"].toIntVector();
    Tensor dh = gradients[1].clone(at::MemoryFormat::Contiguous),
           dc = gradients[2].clone(at::MemoryFormat::Contiguous);
    const Tensor dgates =
        gate_gradients(trace, weight_hh, c0, rows, gradients[0].contiguous(), dh, dc);  // (N, 4H)
    Tensor dx;
    if (context->needs_input_grad(0)) dx = fast_product(dgates, weight_ih.t());
    const Tensor db = dgates.sum(0);
    return {dx,
            dh,
            dc,
            fast_product(dgates.t(), x.t()),
            fast_product(dgates.t(), rows_before(h0, trace.h, rows).t()),
            db,
            db,
            Tensor(),
            Tensor()};
  }
};

}  // namespace

LstmCells::LstmCells(std::int64_t in, std::int64_t units)
    : units_(units),
      weight_ih_(register_parameter("weight_ih_l0", torch::empty({4 * units, in}))),
      weight_hh_(register_parameter("weight_hh_l0", torch::empty({4 * units, units}))),
      bias_ih_(register_parameter("bias_ih_l0", torch::empty({4 * units}))),
      bias_hh_(register_parameter("bias_hh_l0", torch::empty({4 * units}))) {}

bool LstmCells::takes_packed(const Tensor& x) const { return x.is_cpu() && takes_own_loops(weight_hh_); }

LstmCells::Output LstmCells::forward(const Tensor& x, const StepRows& rows, const State& state,
                                     const LstmTrace* taken) const {
  if (!takes_packed(x)) {
    const auto steps = static_cast<std::int64_t>(rows.size());
    return forward_padded(x.view({steps, rows[0], x.size(1)}), state, {});
  }
  const auto start = [&](const Tensor& given) {
    return given.defined()
               ? given.to(torch::kFloat32).contiguous()
               : at::zeros({rows[0], units_}, x.options().dtype(torch::kFloat32).requires_grad(false));
  };
  const variable_list out =
      LstmFunction::apply(x.to(torch::kFloat32).contiguous(), start(state.h), start(state.c), weight_ih_,
                          weight_hh_, bias_ih_, bias_hh_, rows, taken == nullptr ? LstmTrace{} : *taken);
  return {out[0], {out[1], out[2]}};
}

LstmCells::Output LstmCells::forward_padded(const Tensor& x, const State& state, const Tensor& live) const {
  const auto start = [&](const Tensor& given) {
    return given.defined() ? given : at::zeros({x.size(1), units_}, x.options().requires_grad(false));
  };
  const PaddedLstmOutput out =
      padded_lstm({x, start(state.h), start(state.c), weight_ih_, weight_hh_, bias_ih_, bias_hh_, live});
  return {out.h.flatten(0, 1), {out.last_h, out.last_c}};
}

Tensor LstmCells::take(const Tensor& x, const State& state, std::int64_t steps, LstmTrace& trace) const {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const at::NoGradGuard no_grad;
  const std::int64_t batch = state.h.size(0), place = trace.steps * batch;
  if (!trace.gates.defined()) trace = new_trace(x, steps * batch, units_);
  const StepRows rows(static_cast<std::size_t>(steps), batch);
  const std::int64_t count = x.size(0) / batch;
  advance(fast_linear(x, weight_ih_, bias_ih_ + bias_hh_), PackedWeight(weight_hh_, batch, count), state.h,
          state.c, rows, trace.steps + count, place, trace);
  return trace.h.narrow(0, place, x.size(0));
}

double LstmCells::step_flops() const {
  return 2.0 * static_cast<double>(weight_ih_.numel() + weight_hh_.numel());
}

}  // namespace lockstep
