#include "tasks/token_loss.hpp"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

#include "kernels/cross_entropy.hpp"
#include "nn/own_kernels.hpp"

namespace lockstep::token_loss {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// All rows the same way from the one before, and their elements side by side.
bool evenly_apart(const Tensor& logits) {
  if (logits.dim() < 2 || logits.numel() == 0 || logits.stride(-1) != 1) return false;
  for (std::int64_t d = 0; d + 2 < logits.dim(); ++d)
    if (logits.size(d) > 1 && logits.stride(d) != logits.stride(d + 1) * logits.size(d + 1)) return false;
  return logits.stride(-2) >= logits.size(-1);
}

kernels::LogitRows shape_of(const Tensor& logits) {
  return {logits.numel() / logits.size(-1), logits.size(-1), logits.stride(-2)};
}

// call(pointer) with the element type of the logits.
template <typename Call>
void with_elements(const Tensor& logits, const Call& call) {
  if (logits.scalar_type() == at::kFloat)
    call(logits.data_ptr<float>());
  else
    call(reinterpret_cast<kernels::Bf16*>(logits.data_ptr<at::BFloat16>()));
}

class TokenLoss : public torch::autograd::Function<TokenLoss> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& logits, const Tensor& targets,
                        const Options& options, bool in_place) {
    const c10::cuda::CUDAGuard guard(logits.device());
    const kernels::LogitRows shape = shape_of(logits);
    const Tensor ids = targets.reshape({shape.rows}).contiguous();
    const Tensor losses = at::empty({shape.rows}, logits.options().dtype(at::kFloat));
    const kernels::RowTargets rows{ids.data_ptr<std::int64_t>(), options.ignored, options.real_rows,
                                   static_cast<float>(options.scale), losses.data_ptr<float>()};
    with_elements(logits, [&](auto* elements) {
      kernels::cross_entropy(elements, shape, rows, in_place, c10::cuda::getCurrentCUDAStream());
    });
    if (in_place) context->save_for_backward({logits});
    const Tensor total = at::empty({}, losses.options());
    kernels::add_losses(losses.data_ptr<float>(), shape.rows, total.data_ptr<float>(),
                        options.mark ? options.mark->take() : DeviceMark(),
                        c10::cuda::getCurrentCUDAStream());
    return total;
  }

  // The gradient of the loss, 1 as a rule, stays on the device.
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const Tensor d_logits = context->get_saved_variables()[0].detach();
    const c10::cuda::CUDAGuard guard(d_logits.device());
    const Tensor factor = gradients[0].contiguous();
    with_elements(d_logits, [&](auto* elements) {
      kernels::scale_rows(elements, shape_of(d_logits), factor.data_ptr<float>(),
                          c10::cuda::getCurrentCUDAStream());
    });
    return {d_logits, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

bool takes(const Tensor& logits) {
  const auto type = logits.scalar_type();
  return own_kernels() && logits.is_cuda() && (type == at::kBFloat16 || type == at::kFloat) &&
         evenly_apart(logits);
}

Tensor share(const Tensor& logits, const Tensor& targets, const Options& options) {
  const bool in_place = at::GradMode::is_enabled() && logits.requires_grad();
  return TokenLoss::apply(logits, targets, options, in_place);
}

}  // namespace lockstep::token_loss
