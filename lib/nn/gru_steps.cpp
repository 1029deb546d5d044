#include "nn/gru_steps.hpp"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include "nn/float_rows.hpp"
#include "nn/gru_kernels.hpp"
#include "nn/linear_function.hpp"

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The steps that have been taken; N is the sum of the rows.
struct Trace {
  Tensor gates;  // (N, 4H): r, z, n, q
  Tensor h;      // (N, H)
};

// Where the rows of step t and of the step before it begin. The state before the first is zero.
struct Step {
  std::int64_t count, place, before;
};

template <typename Work>
void for_steps(const StepRows& rows, const Work& work) {
  std::int64_t place = 0, before = 0;
  for (const std::int64_t count : rows) {
    work(Step{count, place, before});
    before = place;
    place += count;
  }
}

// x: (N, 3H), the input's part of the gates with its bias.
Trace all_steps(const Tensor& x, const Tensor& weight_hh, const Tensor& bias_hh, const StepRows& rows) {
  const std::int64_t units = weight_hh.size(1);
  const Trace trace{at::empty({x.size(0), 4 * units}, x.options()),
                    at::empty({x.size(0), units}, x.options())};
  const Tensor start = at::zeros({rows[0], units}, x.options());
  const PackedWeight by_h(weight_hh, rows[0], static_cast<std::int64_t>(rows.size()));
  for_steps(rows, [&](const Step& step) {
    const Tensor& h = step.place == 0 ? start : trace.h;
    const Tensor recurrent = by_h.times(h.narrow(0, step.before, step.count));  // (count, 3H)
    for_float_rows(step.count, [&](std::int64_t r) {
      kernels::gru_cell(float_row(x, step.place + r), float_row(recurrent, r), float_row(bias_hh, 0),
                        float_row(h, step.before + r), float_row(trace.gates, step.place + r),
                        float_row(trace.h, step.place + r));
    });
  });
  return trace;
}

struct GateGradients {
  Tensor input, recurrent;  // (N, 3H)
};

// dh: (B, H), by the last state of each sample; is written to.
GateGradients gate_gradients(const Trace& trace, const Tensor& weight_hh, const StepRows& rows,
                             const Tensor& dy, Tensor& dh) {
  const std::int64_t units = weight_hh.size(1);
  GateGradients d{at::empty({dy.size(0), 3 * units}, dy.options()),
                  at::empty({dy.size(0), 3 * units}, dy.options())};
  const Tensor start = at::zeros({rows[0], units}, dy.options());
  const PackedWeight by_h(weight_hh.t(), rows[0], static_cast<std::int64_t>(rows.size()));
  std::vector<Step> steps;
  for_steps(rows, [&](const Step& step) { steps.push_back(step); });
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const Tensor& h = step->place == 0 ? start : trace.h;
    for_float_rows(step->count, [&](std::int64_t r) {
      const std::int64_t i = step->place + r;
      kernels::gru_cell_backward(float_row(trace.gates, i), float_row(h, step->before + r), float_row(dy, i),
                                 float_row(dh, r), float_row(d.input, i), float_row(d.recurrent, i));
    });
    if (step->place > 0)
      dh.narrow(0, 0, step->count).add_(by_h.times(d.recurrent.narrow(0, step->place, step->count)));
  }
  return d;
}

class GruFunction : public torch::autograd::Function<GruFunction> {
 public:
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& weight_ih,
                               const Tensor& weight_hh, const Tensor& bias_ih, const Tensor& bias_hh,
                               const StepRows& rows) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const Trace trace = all_steps(fast_linear(x, weight_ih, bias_ih), weight_hh, bias_hh, rows);
    context->save_for_backward({x, weight_ih, weight_hh, trace.gates, trace.h});
    context->saved_data["rows"] = rows;
    return {trace.h, last_rows(trace.h, rows)};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight_ih = saved[1], &weight_hh = saved[2];
    const Trace trace{saved[3], saved[4]};
    const StepRows rows = context->saved_data["rows"].toIntVector();
    Tensor dh = gradients[1].clone(at::MemoryFormat::Contiguous);
    const GateGradients d = gate_gradients(trace, weight_hh, rows, gradients[0].contiguous(), dh);
    const Tensor before = rows_before(at::zeros_like(dh), trace.h, rows);
    Tensor dx;
    if (context->needs_input_grad(0)) dx = fast_product(d.input, weight_ih.t());
    return {dx,
            fast_product(d.input.t(), x.t()),
            fast_product(d.recurrent.t(), before.t()),
            d.input.sum(0),
            d.recurrent.sum(0),
            Tensor()};
  }
};

}  // namespace

GruCells::GruCells(std::int64_t in, std::int64_t units)
    : weight_ih_(register_parameter("weight_ih_l0", torch::empty({3 * units, in}))),
      weight_hh_(register_parameter("weight_hh_l0", torch::empty({3 * units, units}))),
      bias_ih_(register_parameter("bias_ih_l0", torch::empty({3 * units}))),
      bias_hh_(register_parameter("bias_hh_l0", torch::empty({3 * units}))) {}

GruCells::Output GruCells::forward(const Tensor& x, const StepRows& rows) const {
  const variable_list out = GruFunction::apply(x.to(torch::kFloat32).contiguous(), weight_ih_, weight_hh_,
                                               bias_ih_, bias_hh_, rows);
  return {out[0], out[1]};
}

double GruCells::step_flops() const {
  return 2.0 * static_cast<double>(weight_ih_.numel() + weight_hh_.numel());
}

}  // namespace lockstep
