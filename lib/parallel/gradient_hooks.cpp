#include "parallel/gradient_hooks.hpp"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <utility>

#include "base/error.hpp"

namespace lockstep {

namespace {

using HookPtr = std::unique_ptr<torch::autograd::PostAccumulateGradHook>;

// A tensor has only one such hook: ours calls the one that was there before.
class TensorHook final : public torch::autograd::PostAccumulateGradHook {
 public:
  TensorHook(std::weak_ptr<GradientHooks::Link> link, std::size_t parameter, HookPtr before)
      : link_(std::move(link)), parameter_(parameter), before_(std::move(before)) {}

  void operator()(const torch::autograd::Variable& tensor) override {
    if (before_) (*before_)(tensor);
    if (const auto link = link_.lock()) link->listener.on_gradient(parameter_);
  }

  bool alive() const { return !link_.expired(); }
  HookPtr release_before() { return std::move(before_); }

 private:
  std::weak_ptr<GradientHooks::Link> link_;
  std::size_t parameter_;
  HookPtr before_;
};

HookPtr& hook_of(const torch::Tensor& tensor) {
  return torch::autograd::impl::materialize_autograd_meta(tensor)->post_acc_grad_hooks_;
}

// Removes hooks of destroyed listeners.
void remove_dead(HookPtr& hook) {
  for (auto* ours = dynamic_cast<TensorHook*>(hook.get()); ours != nullptr && !ours->alive();
       ours = dynamic_cast<TensorHook*>(hook.get()))
    hook = ours->release_before();
}

}  // namespace

GradientHooks::GradientHooks(const std::vector<NamedParameter>& parameters, GradientListener& listener)
    : link_(std::make_shared<Link>(Link{listener})) {
  for (const NamedParameter& p : parameters) {
    remove_dead(hook_of(p.tensor));
    if (dynamic_cast<TensorHook*>(hook_of(p.tensor).get()) != nullptr)
      throw input_error(
          "parameter '{}' already belongs to another DistributedDataParallel; wrap a parameter once, or "
          "destroy the other wrapper first",
          p.name);
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    HookPtr& hook = hook_of(parameters[i].tensor);
    hook = std::make_unique<TensorHook>(link_, i, std::move(hook));
  }
}

}  // namespace lockstep
