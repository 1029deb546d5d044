#include "nn/window_maximum.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "nn/embedding_kernels.hpp"
#include "nn/linear_function.hpp"
#include "nn/own_kernels.hpp"
#include "nn/text.hpp"
#include "nn/window_kernels.hpp"

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kRowsAtOnce =
    128;  // words of a product: enough for the library, few enough for the cache

struct Shape {
  std::int64_t batch, longest, width, kernel, filters;
};

Shape shape_of(const Tensor& x, const Tensor& weight) {
  return {x.size(0), x.size(1), x.size(2), weight.size(0), weight.size(1)};
}

std::span<const float> row(const float* base, std::int64_t index, std::int64_t width) {
  return {base + index * width, static_cast<std::size_t>(width)};
}

// Documents [begin, end) that are multiplied at once.
struct Group {
  std::int64_t begin, end, words;
};

std::vector<Group> groups_of(std::span<const std::int64_t> lengths) {
  std::vector<Group> groups;
  for (std::int64_t b = 0; b < static_cast<std::int64_t>(lengths.size()); ++b) {
    const std::int64_t words = lengths[static_cast<std::size_t>(b)];
    if (groups.empty() || groups.back().words + words > kRowsAtOnce) groups.push_back({b, b, 0});
    groups.back().end = b + 1;
    groups.back().words += words;
  }
  return groups;
}

// The real words of a group one after the other: (words, E).
Tensor words_of(const Tensor& x, const Group& group, const std::int64_t* lengths) {
  const std::int64_t width = x.size(2), document = x.size(1) * width;
  if (group.end - group.begin == 1) return x[group.begin].narrow(0, 0, group.words);
  Tensor words = at::empty({group.words, width}, x.options());
  auto* to = words.data_ptr<float>();
  for (std::int64_t b = group.begin; b < group.end; ++b) {
    const float* from = x.const_data_ptr<float>() + b * document;
    to = std::copy(from, from + lengths[b] * width, to);
  }
  return words;
}

// out, at: (B, filters): relu of the largest window with its bias, and where it begins.
void forward_loops(const Tensor& x, const Tensor& lengths, const Tensor& weight, const Tensor& bias,
                   Tensor& out, Tensor& at) {
  const Shape s = shape_of(x, weight);
  const auto* length = lengths.const_data_ptr<std::int64_t>();
  const auto* b_f = bias.const_data_ptr<float>();
  auto* values = out.data_ptr<float>();
  auto* places = at.data_ptr<std::int32_t>();
  const std::vector<Group> groups = groups_of({length, static_cast<std::size_t>(s.batch)});
  const PackedWeight packed(weight.flatten(0, 1), kRowsAtOnce,
                            static_cast<std::int64_t>(groups.size()));  // (kernel * filters, E)
  at::parallel_for(0, static_cast<std::int64_t>(groups.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    const at::NoGradGuard no_grad;  // it is the thread's own
    for (std::int64_t g = begin; g < end; ++g) {
      const Group& group = groups[static_cast<std::size_t>(g)];
      const Tensor products = packed.times(words_of(x, group, length));  // (words, kernel * filters)
      const auto* product = products.const_data_ptr<float>();
      for (std::int64_t b = group.begin; b < group.end; ++b) {
        const std::int64_t size = length[b] * s.kernel * s.filters;
        float* best = values + b * s.filters;
        kernels::largest_windows({product, static_cast<std::size_t>(size)}, length[b], s.kernel, s.filters,
                                 best, places + b * s.filters);
        for (std::int64_t f = 0; f < s.filters; ++f) best[f] = std::max(best[f] + b_f[f], 0.0F);
        product += size;
      }
    }
  });
}

// Each filter's largest window in each document, where the ReLU let it pass.
struct LargestWindows {
  Shape s;
  const float *out, *gradient;  // (B, filters)
  const std::int32_t* at;       // (B, filters)
  const std::int64_t* lengths;

  // visit(gradient, first word, words within the document)
  template <typename Visit>
  void visit(std::int64_t b, std::int64_t f, const Visit& visitor) const {
    const std::int64_t i = b * s.filters + f;
    if (out[i] <= 0.0F || gradient[i] == 0.0F) return;
    visitor(gradient[i], std::int64_t{at[i]}, std::min(s.kernel, lengths[b] - at[i]));
  }
};

Tensor words_gradient(const LargestWindows& windows, const Tensor& weight) {
  const Shape& s = windows.s;
  Tensor dx = at::zeros({s.batch, s.longest, s.width}, weight.options());
  const auto* w = weight.const_data_ptr<float>();
  auto* to = dx.data_ptr<float>();
  at::parallel_for(0, s.batch, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      for (std::int64_t f = 0; f < s.filters; ++f) {
        windows.visit(b, f, [&](float gradient, std::int64_t first, std::int64_t words) {
          for (std::int64_t j = 0; j < words; ++j)
            kernels::add_scaled(row(w, j * s.filters + f, s.width), gradient,
                                to + (b * s.longest + first + j) * s.width);
        });
      }
    }
  });
  return dx;
}

Tensor weight_gradient(const LargestWindows& windows, const Tensor& x) {
  const Shape& s = windows.s;
  Tensor dw = at::zeros({s.kernel, s.filters, s.width}, x.options());
  const auto* words_of_all = x.const_data_ptr<float>();
  auto* to = dw.data_ptr<float>();
  at::parallel_for(0, s.filters, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t f = begin; f < end; ++f) {
      for (std::int64_t b = 0; b < s.batch; ++b) {
        windows.visit(b, f, [&](float gradient, std::int64_t first, std::int64_t words) {
          for (std::int64_t j = 0; j < words; ++j)
            kernels::add_scaled(row(words_of_all, b * s.longest + first + j, s.width), gradient,
                                to + (j * s.filters + f) * s.width);
        });
      }
    }
  });
  return dw;
}

class WindowMaximum : public torch::autograd::Function<WindowMaximum> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& lengths,
                        const Tensor& weight, const Tensor& bias) {
    const Tensor in = x.contiguous();
    Tensor out = at::empty({x.size(0), weight.size(1)}, x.options());
    Tensor at = at::empty(out.sizes(), out.options().dtype(torch::kInt32));
    forward_loops(in, lengths, weight, bias, out, at);
    context->save_for_backward({in, lengths, weight, out, at});
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &lengths = saved[1], &weight = saved[2], &out = saved[3];
    const Tensor gradient = gradients[0].contiguous();
    const LargestWindows windows{shape_of(x, weight), out.const_data_ptr<float>(),
                                 gradient.const_data_ptr<float>(), saved[4].const_data_ptr<std::int32_t>(),
                                 lengths.const_data_ptr<std::int64_t>()};
    Tensor dx;
    if (context->needs_input_grad(0)) dx = words_gradient(windows, weight);
    return {dx, Tensor(), weight_gradient(windows, x), (gradient * out.gt(0)).sum(0)};
  }
};

// Any device and type.
Tensor by_convolution(const Tensor& x, const Tensor& lengths, const Tensor& weight, const Tensor& bias) {
  const Tensor real = document_mask(lengths, x.size(1));  // (B, T)
  // What lies past a document's end is zero as it stands, and gets no gradient by this.
  const Tensor words = at::constant_pad_nd((x * real.unsqueeze(2)).transpose(1, 2),
                                           {0, weight.size(0) - 1});         // (B, E, T + kernel - 1)
  const Tensor values = at::conv1d(words, weight.permute({1, 2, 0}), bias);  // (B, filters, T)
  const Tensor padding = real.logical_not().unsqueeze(1);
  return values.masked_fill(padding, -std::numeric_limits<double>::infinity()).amax(2).relu();
}

}  // namespace

Tensor window_maximum(const Tensor& x, const Tensor& lengths, const Tensor& weight, const Tensor& bias) {
  const bool ours = takes_own_loops(x) && !at::autocast::is_autocast_enabled(at::kCPU);
  return ours ? WindowMaximum::apply(x, lengths, weight, bias) : by_convolution(x, lengths, weight, bias);
}

}  // namespace lockstep
