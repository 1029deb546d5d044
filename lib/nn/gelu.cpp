#include "nn/gelu.hpp"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "nn/gelu_kernels.hpp"
#include "nn/own_kernels.hpp"

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kGrain = 16384;  // elements a thread takes at least

std::span<float> part(const Tensor& x, std::int64_t begin, std::int64_t end) {
  return {x.data_ptr<float>() + begin, static_cast<std::size_t>(end - begin)};
}

class GeluFunction : public torch::autograd::Function<GeluFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x) {
    const Tensor in = x.contiguous();
    context->save_for_backward({in});
    Tensor out = at::empty_like(in);
    at::parallel_for(0, in.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      kernels::gelu(part(in, begin, end), part(out, begin, end));
    });
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const Tensor in = context->get_saved_variables()[0], dy = gradients[0].contiguous();
    Tensor dx = at::empty_like(in);
    at::parallel_for(0, in.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      kernels::gelu_backward(part(in, begin, end), part(dy, begin, end), part(dx, begin, end));
    });
    return {dx};
  }
};

}  // namespace

Tensor gelu_tanh(const Tensor& x) {
  if (takes_own_loops(x)) return GeluFunction::apply(x);
  return at::gelu(x, "tanh");
}

}  // namespace lockstep
