#include "nn/recompute.hpp"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// All that a computation follows from besides its inputs.
struct Surroundings {
  DropoutContext dropout;
  Tensor generator;  // state of a GPU's generator; undefined on the CPU
  bool autocast = false;
  at::ScalarType autocast_type = torch::kBFloat16;

  static Surroundings now(const Tensor& x, const DropoutContext& context) {
    Surroundings now{context, {}, at::autocast::is_autocast_enabled(x.device().type())};
    if (now.autocast) now.autocast_type = at::autocast::get_autocast_dtype(x.device().type());
    if (!x.is_cpu()) now.generator = at::globalContext().defaultGenerator(x.device()).get_state();
    return now;
  }
};

// While it lives, the surroundings are those given.
class SurroundingsGuard {
 public:
  SurroundingsGuard(const Surroundings& then, const Tensor& x, DropoutContext& context)
      : before_(Surroundings::now(x, context)), device_(x.device()), context_(context) {
    restore(then);
    at::autocast::increment_nesting();
  }
  ~SurroundingsGuard() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    restore(before_);
  }
  SurroundingsGuard(const SurroundingsGuard&) = delete;
  SurroundingsGuard& operator=(const SurroundingsGuard&) = delete;

 private:
  void restore(const Surroundings& s) {
    context_ = s.dropout;
    at::autocast::set_autocast_enabled(device_.type(), s.autocast);
    if (s.autocast) at::autocast::set_autocast_dtype(device_.type(), s.autocast_type);
    if (s.generator.defined()) {
      at::Generator generator = at::globalContext().defaultGenerator(device_);
      generator.set_state(s.generator);
    }
  }

  Surroundings before_;
  at::Device device_;
  DropoutContext& context_;
};

struct Piece : torch::CustomClassHolder {
  std::function<Tensor(const Tensor&)> compute;
  std::shared_ptr<DropoutContext> context;
  Surroundings surroundings;
};

class RecomputeFunction : public torch::autograd::Function<RecomputeFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const c10::intrusive_ptr<Piece>& piece) {
    context->save_for_backward({x});
    context->saved_data["piece"] = c10::IValue::make_capsule(piece);
    return piece->compute(x);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto piece = c10::static_intrusive_pointer_cast<Piece>(context->saved_data["piece"].toCapsule());
    const Tensor x = context->get_saved_variables()[0].detach().requires_grad_();
    Tensor y;
    {
      const SurroundingsGuard guard(piece->surroundings, x, *piece->context);
      const at::AutoGradMode grad_mode(true);
      y = piece->compute(x);
    }
    torch::autograd::backward({y}, {gradients[0]});
    return {x.grad(), Tensor()};
  }
};

}  // namespace

Tensor recomputed(const std::function<Tensor(const Tensor&)>& piece, const Tensor& x,
                  const std::shared_ptr<DropoutContext>& context) {
  if (!at::GradMode::is_enabled() || !x.requires_grad()) return piece(x);
  auto held = c10::make_intrusive<Piece>();
  held->compute = piece;
  held->context = context;
  held->surroundings = Surroundings::now(x, *context);
  return RecomputeFunction::apply(x, held);
}

}  // namespace lockstep
