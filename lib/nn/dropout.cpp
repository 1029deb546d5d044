#include "nn/dropout.hpp"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::span<float> row(const Tensor& x, std::int64_t b) {
  const std::int64_t size = x.numel() / x.size(0);
  return {x.data_ptr<float>() + b * size, static_cast<std::size_t>(size)};
}

// work(b) for each sample of the batch, over LibTorch's threads.
template <typename Work>
void for_rows(const Tensor& x, const Work& work) {
  at::parallel_for(0, x.numel() == 0 ? 0 : x.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) work(b);
  });
}

Tensor masked(const Tensor& x, const BatchMask& mask) {
  const Tensor in = x.contiguous();
  Tensor out = at::empty_like(in);
  for_rows(in, [&](std::int64_t b) { kernels::apply_mask(mask.row(b), 0, row(in, b), row(out, b)); });
  return out;
}

std::vector<std::int64_t> packed(const BatchMask& mask) {
  const kernels::MaskKey& k = mask.first;
  return {k.seed_low, k.seed_high, k.sample, k.step, k.site, k.threshold};
}

BatchMask unpacked(const std::vector<std::int64_t>& values) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(values.at(i)); };
  return {{at(0), at(1), at(2), at(3), at(4), at(5)}};
}

class DropoutFunction : public torch::autograd::Function<DropoutFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const BatchMask& mask) {
    context->saved_data["mask"] = packed(mask);
    return masked(x, mask);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    return {masked(gradients[0], unpacked(context->saved_data["mask"].toIntVector())), Tensor()};
  }
};

class DropoutAddFunction : public torch::autograd::Function<DropoutAddFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& base,
                        const BatchMask& mask) {
    context->saved_data["mask"] = packed(mask);
    const Tensor in = x.contiguous(), to = base.contiguous();
    Tensor out = at::empty_like(in);
    for_rows(in,
             [&](std::int64_t b) { kernels::add_masked(mask.row(b), row(in, b), row(to, b), row(out, b)); });
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    return {masked(gradients[0], unpacked(context->saved_data["mask"].toIntVector())), gradients[0],
            Tensor()};
  }
};

// Saves its output, which the next layer saves anyway.
class ReluDropoutFunction : public torch::autograd::Function<ReluDropoutFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const BatchMask& mask) {
    const Tensor in = x.contiguous();
    Tensor out = at::empty_like(in);
    for_rows(in, [&](std::int64_t b) { kernels::relu_mask(mask.row(b), row(in, b), row(out, b)); });
    context->save_for_backward({out});
    context->saved_data["scale"] = static_cast<double>(mask.first.scale());
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const Tensor out = context->get_saved_variables()[0], gradient = gradients[0].contiguous();
    const auto scale = static_cast<float>(context->saved_data["scale"].toDouble());
    Tensor result = at::empty_like(out);
    for_rows(out, [&](std::int64_t b) {
      kernels::relu_mask_backward(scale, row(out, b), row(gradient, b), row(result, b));
    });
    return {result, Tensor()};
  }
};

bool vectorised(const Tensor& x) { return x.is_cpu() && x.scalar_type() == torch::kFloat32; }

// The same mask for another type: as a factor.
Tensor mask_factor(const Tensor& x, const BatchMask& mask) {
  return masked(torch::ones(x.sizes(), x.options().dtype(torch::kFloat32).requires_grad(false)), mask)
      .to(x.scalar_type());
}

}  // namespace

kernels::MaskKey BatchMask::row(std::int64_t b) const {
  kernels::MaskKey key = first;
  key.sample += static_cast<std::uint32_t>(b);
  return key;
}

Dropout::Dropout(double p, std::uint32_t site, std::shared_ptr<const DropoutContext> context)
    : p_(p), site_(site), context_(std::move(context)) {}

BatchMask Dropout::mask() const {
  const auto low = [](auto value) { return static_cast<std::uint32_t>(static_cast<std::uint64_t>(value)); };
  const auto threshold = static_cast<std::uint32_t>(std::min(std::lround(p_ * 65536), 65535L));
  return {{low(context_->seed), low(context_->seed >> 32), low(context_->first_sample), low(context_->step),
           site_, threshold}};
}

Tensor Dropout::apply(const Tensor& x, bool training) const {
  if (!training || p_ == 0) return x;
  if (!x.is_cpu()) return at::dropout(x, p_, true);
  return vectorised(x) ? DropoutFunction::apply(x, mask()) : x * mask_factor(x, mask());
}

Tensor Dropout::apply_relu(Tensor x, bool training) const {
  if (training && p_ > 0 && vectorised(x)) return ReluDropoutFunction::apply(x, mask());
  return apply(at::relu_(x), training);
}

Tensor Dropout::apply_add(const Tensor& x, const Tensor& base, bool training) const {
  if (training && p_ > 0 && vectorised(x) && vectorised(base))
    return DropoutAddFunction::apply(x, base, mask());
  return base + apply(x, training);
}

}  // namespace lockstep
