#include "models/attention.hpp"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kCacheFloats = 128 * 1024;  // scores that are worked on at once: half of a 1 MiB cache

struct Shape {
  std::int64_t batch, length, width, heads;
  std::int64_t depth() const { return width / heads; }
  std::int64_t scores() const { return length * length; }  // of a head
  // A head's place among the sample's elements for the mask begins with a whole group.
  std::int64_t mask_place(std::int64_t head) const {
    return head * ((scores() + kernels::kMaskGroup - 1) / kernels::kMaskGroup) * kernels::kMaskGroup;
  }
  std::int64_t heads_at_once() const { return std::clamp(kCacheFloats / scores(), std::int64_t{1}, heads); }
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(depth())); }
};

// Heads [first, first + count) of part `which` (0 query, 1 key, 2 value) of one sample of a (B, T, parts x E)
// tensor, as a view (count, T, D).
Tensor heads_of(const Tensor& x, const Shape& s, std::int64_t sample, std::int64_t which, std::int64_t first,
                std::int64_t count) {
  const std::int64_t row = x.size(2);
  return x.as_strided({count, s.length, s.depth()}, {s.depth(), row, 1},
                      x.storage_offset() + sample * s.length * row + which * s.width + first * s.depth());
}

std::span<float> floats(const Tensor& x, std::int64_t begin, std::int64_t count) {
  return {x.data_ptr<float>() + begin, static_cast<std::size_t>(count)};
}

// work(sample, first head, heads) in pieces that fit the cache, over LibTorch's threads.
template <typename Work>
void for_pieces(const Shape& s, const Work& work) {
  at::parallel_for(0, s.batch, 1, [&](std::int64_t begin, std::int64_t end) {
    const at::NoGradGuard no_grad;  // it is the thread's own
    for (std::int64_t b = begin; b < end; ++b) {
      for (std::int64_t h = 0; h < s.heads; h += s.heads_at_once())
        work(b, h, std::min(s.heads_at_once(), s.heads - h));
    }
  });
}

// Forward. probabilities: (B, heads, T, T), where the signed probabilities of the backward pass go, or
// undefined.
Tensor attend(const Tensor& qkv, const Tensor& bias, const Shape& s, const BatchMask& mask,
              const Tensor& probabilities) {
  Tensor out = at::empty({s.batch, s.length, s.width}, qkv.options());
  const bool drop = mask.first.threshold > 0;
  for_pieces(s, [&](std::int64_t b, std::int64_t h, std::int64_t count) {
    Tensor scores = probabilities.defined() ? probabilities.select(0, b).narrow(0, h, count)
                                            : at::empty({count, s.length, s.length}, qkv.options());
    at::bmm_out(scores, heads_of(qkv, s, b, 0, h, count), heads_of(qkv, s, b, 1, h, count).transpose(1, 2));
    kernels::softmax_rows(floats(scores, 0, count * s.scores()), floats(bias, b * s.length, s.length),
                          s.scale());
    Tensor weights = drop ? at::empty_like(scores) : scores;
    for (std::int64_t i = 0; drop && i < count; ++i) {
      kernels::mask_probabilities(mask.row(b), s.mask_place(h + i),
                                  floats(scores, i * s.scores(), s.scores()),
                                  floats(weights, i * s.scores(), s.scores()));
    }
    Tensor y = heads_of(out, s, b, 0, h, count);
    at::bmm_out(y, weights, heads_of(qkv, s, b, 2, h, count));
  });
  return out;
}

// Backward: the gradient by qkv.
Tensor attend_backward(const Tensor& qkv, const Tensor& probabilities, const Tensor& gradient, const Shape& s,
                       float mask_scale) {
  Tensor result = at::empty_like(qkv);
  for_pieces(s, [&](std::int64_t b, std::int64_t h, std::int64_t count) {
    const Tensor dy = heads_of(gradient, s, b, 0, h, count),
                 p = probabilities.select(0, b).narrow(0, h, count);
    const Tensor ds =
        at::bmm(dy, heads_of(qkv, s, b, 2, h, count).transpose(1, 2));  // by the weights, so far
    const Tensor weights = at::empty_like(ds);
    const std::int64_t all = count * s.scores();
    kernels::softmax_rows_backward(floats(p, 0, all), s.length, mask_scale, s.scale(), floats(ds, 0, all),
                                   floats(weights, 0, all));
    Tensor dq = heads_of(result, s, b, 0, h, count), dk = heads_of(result, s, b, 1, h, count),
           dv = heads_of(result, s, b, 2, h, count);
    at::bmm_out(dv, weights.transpose(1, 2), dy);
    at::bmm_out(dq, ds, heads_of(qkv, s, b, 1, h, count));
    at::bmm_out(dk, ds.transpose(1, 2), heads_of(qkv, s, b, 0, h, count));
  });
  return result;
}

class AttentionFunction : public torch::autograd::Function<AttentionFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& qkv, const Tensor& bias, std::int64_t heads,
                        const BatchMask& mask) {
    const Shape s{qkv.size(0), qkv.size(1), qkv.size(2) / 3, heads};
    const Tensor in = qkv.contiguous();
    const Tensor probabilities = at::empty({s.batch, heads, s.length, s.length}, in.options());
    context->save_for_backward({in, probabilities});
    context->saved_data["heads"] = heads;
    context->saved_data["scale"] = static_cast<double>(mask.first.scale());
    return attend(in, bias.contiguous(), s, mask, probabilities);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Shape s{saved[0].size(0), saved[0].size(1), saved[0].size(2) / 3,
                  context->saved_data["heads"].toInt()};
    const auto scale = static_cast<float>(context->saved_data["scale"].toDouble());
    return {attend_backward(saved[0], saved[1], gradients[0].contiguous(), s, scale), Tensor(), Tensor(),
            Tensor()};
  }
};

// fp32 on the CPU; the mask's threshold is 0 without dropout.
Tensor cached_attention(const Tensor& qkv, const Tensor& bias, std::int64_t heads, const BatchMask& mask) {
  if (at::GradMode::is_enabled() && qkv.requires_grad())
    return AttentionFunction::apply(qkv, bias, heads, mask);
  return attend(qkv.contiguous(), bias.contiguous(), {qkv.size(0), qkv.size(1), qkv.size(2) / 3, heads}, mask,
                {});
}

Tensor library_attention(const Tensor& qkv, const Tensor& bias, std::int64_t heads, double p) {
  const std::int64_t batch = qkv.size(0), length = qkv.size(1), width = qkv.size(2) / 3;
  const Tensor parts =
      qkv.view({batch, length, 3, heads, width / heads}).permute({2, 0, 3, 1, 4});  // (3, B, heads, T, D)
  const Tensor y =
      at::scaled_dot_product_attention(parts[0], parts[1], parts[2], bias.to(qkv.scalar_type()), p);
  return y.transpose(1, 2).reshape({batch, length, width});
}

}  // namespace

Tensor self_attention(const Tensor& qkv, const Tensor& bias, std::int64_t heads, const Dropout& dropout,
                      bool training) {
  const bool drop = training && dropout.p() > 0;
  if (!qkv.is_cpu() || (!drop && qkv.scalar_type() != torch::kFloat32)) {
    return library_attention(qkv, bias, heads, drop ? dropout.p() : 0.0);
  }
  BatchMask mask = dropout.mask();
  if (!drop) mask.first.threshold = 0;
  return cached_attention(qkv.to(torch::kFloat32), bias.to(torch::kFloat32), heads, mask)
      .to(qkv.scalar_type());
}

}  // namespace lockstep
