#include "nn/attention.hpp"
#include "nn/own_kernels.hpp"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kCacheFloats = 128 * 1024;  // scores that are worked on at once: half of a 1 MiB cache
constexpr std::int64_t kCausalRows = 64;           // below this, products lose more than the diagonal saves
constexpr std::int64_t kVector = 16;               // rows of softmax end with a whole vector

std::int64_t rounded_up(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }

// Query rows [first, first + rows) of a head against keys [0, columns); `place`: where its scores begin among
// those of the head.
struct Block {
  std::int64_t first, rows, columns, place;
  std::int64_t scores() const { return rows * columns; }
};

struct Shape {
  Shape(const Tensor& qkv, std::int64_t head_count, bool is_causal)
      : batch(qkv.size(0)),
        length(qkv.size(1)),
        width(qkv.size(2) / 3),
        heads(head_count),
        causal(is_causal) {
    // What lies above the diagonal is left out but for the last block of each row.
    const std::int64_t fitting = kCacheFloats / length / kVector * kVector;
    const std::int64_t rows = causal ? std::clamp(fitting, kVector, kCausalRows) : length;
    for (std::int64_t first = 0; first < length; first += rows) {
      const std::int64_t count = std::min(rows, length - first);
      blocks.push_back({first, count, causal ? first + count : length, stored});
      stored += blocks.back().scores();
    }
  }

  std::int64_t depth() const { return width / heads; }
  std::int64_t heads_at_once() const {
    return std::clamp(kCacheFloats / blocks.back().scores(), std::int64_t{1}, heads);
  }
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(depth())); }

  // A place for the mask begins with a whole group: a head's, and when causal each row's.
  std::int64_t mask_pitch() const { return causal ? rounded_up(length, kernels::kMaskGroup) : length; }
  std::int64_t mask_place(std::int64_t head) const {
    return head * rounded_up(length * mask_pitch(), kernels::kMaskGroup);
  }

  std::int64_t batch, length, width, heads;
  bool causal;
  std::vector<Block> blocks;
  std::int64_t stored = 0;  // scores of a head
};

// Rows [first, first + rows) of heads [head, head + count) of part `which` (0 query, 1 key, 2 value) of one
// sample of a (B, T, parts x E) tensor, as a view (count, rows, D).
struct Heads {
  std::int64_t sample, head, count;

  Tensor rows(const Tensor& x, const Shape& s, std::int64_t which, std::int64_t first,
              std::int64_t rows) const {
    const std::int64_t pitch = x.size(2);
    return x.as_strided(
        {count, rows, s.depth()}, {s.depth(), pitch, 1},
        x.storage_offset() + (sample * s.length + first) * pitch + which * s.width + head * s.depth());
  }

  // Of (B, heads, stored): (count, rows, columns).
  Tensor scores(const Tensor& x, const Shape& s, const Block& block) const {
    return x.as_strided({count, block.rows, block.columns}, {s.stored, block.columns, 1},
                        x.storage_offset() + (sample * s.heads + head) * s.stored + block.place);
  }
};

std::span<float> floats(const Tensor& x, std::int64_t begin, std::int64_t count) {
  return {x.data_ptr<float>() + begin, static_cast<std::size_t>(count)};
}

// work(heads) in pieces that fit the cache, over LibTorch's threads.
template <typename Work>
void for_pieces(const Shape& s, const Work& work) {
  at::parallel_for(0, s.batch, 1, [&](std::int64_t begin, std::int64_t end) {
    const at::NoGradGuard no_grad;  // it is the thread's own
    for (std::int64_t b = begin; b < end; ++b) {
      for (std::int64_t h = 0; h < s.heads; h += s.heads_at_once())
        work(Heads{b, h, std::min(s.heads_at_once(), s.heads - h)});
    }
  });
}

// Columns of row t of a causal block that softmax looks at: up to the diagonal, and on to a whole vector.
std::int64_t causal_columns(const Block& block, std::int64_t row) {
  return std::min(block.columns, rounded_up(block.first + row + 1, kVector));
}

// softmax of one head's block. bias: (T), or when causal (T + kVector): zeros and then -inf, of which each
// row takes the stretch that ends at its diagonal.
void softmax_block(std::span<float> scores, const Block& block, const Shape& s, std::span<const float> bias) {
  if (!s.causal) return kernels::softmax_rows(scores, bias, s.scale());
  for (std::int64_t r = 0; r < block.rows; ++r) {
    const auto row =
        scores.subspan(static_cast<std::size_t>(r * block.columns), static_cast<std::size_t>(block.columns));
    const auto columns = static_cast<std::size_t>(causal_columns(block, r));
    const auto begin = static_cast<std::size_t>(s.length - 1 - block.first - r);
    kernels::softmax_rows(row.first(columns), bias.subspan(begin, columns), s.scale());
    std::fill(row.begin() + static_cast<std::ptrdiff_t>(columns), row.end(), 0.0F);
  }
}

void mask_block(const kernels::MaskKey& key, std::int64_t place, const Block& block, const Shape& s,
                std::span<float> scores, std::span<float> weights) {
  if (!s.causal) return kernels::mask_probabilities(key, place, scores, weights);
  for (std::int64_t r = 0; r < block.rows; ++r) {
    const auto begin = static_cast<std::size_t>(r * block.columns);
    const auto columns = static_cast<std::size_t>(block.columns);
    kernels::mask_probabilities(key, place + (block.first + r) * s.mask_pitch(),
                                scores.subspan(begin, columns), weights.subspan(begin, columns));
  }
}

void softmax_block_backward(std::span<const float> p, const Block& block, const Shape& s, float mask_scale,
                            std::span<float> gradient, std::span<float> weights) {
  if (!s.causal) {
    return kernels::softmax_rows_backward(p, s.length, mask_scale, s.scale(), gradient, weights);
  }
  for (std::int64_t r = 0; r < block.rows; ++r) {
    const auto begin = static_cast<std::size_t>(r * block.columns);
    const std::int64_t columns = causal_columns(block, r);
    const auto count = static_cast<std::size_t>(columns);
    kernels::softmax_rows_backward(p.subspan(begin, count), columns, mask_scale, s.scale(),
                                   gradient.subspan(begin, count), weights.subspan(begin, count));
    const auto rest = static_cast<std::ptrdiff_t>(begin + count), end = (r + 1) * block.columns;
    std::fill(gradient.begin() + rest, gradient.begin() + end, 0.0F);
    std::fill(weights.begin() + rest, weights.begin() + end, 0.0F);
  }
}

// Forward. probabilities: (B, heads, stored), where the signed probabilities of the backward pass go, or
// undefined. bias: (B, 1, 1, T), or when causal (T + kVector).
Tensor attend(const Tensor& qkv, const Tensor& bias, const Shape& s, const BatchMask& mask,
              const Tensor& probabilities) {
  Tensor out = at::empty({s.batch, s.length, s.width}, qkv.options());
  const bool drop = mask.first.threshold > 0;
  for_pieces(s, [&](const Heads& at) {
    const auto row_bias =
        s.causal ? floats(bias, 0, bias.numel()) : floats(bias, at.sample * s.length, s.length);
    for (const Block& block : s.blocks) {
      Tensor scores = probabilities.defined()
                          ? at.scores(probabilities, s, block)
                          : at::empty({at.count, block.rows, block.columns}, qkv.options());
      at::bmm_out(scores, at.rows(qkv, s, 0, block.first, block.rows),
                  at.rows(qkv, s, 1, 0, block.columns).transpose(1, 2));
      Tensor weights = drop ? at::empty({at.count, block.rows, block.columns}, qkv.options()) : scores;
      for (std::int64_t i = 0; i < at.count; ++i) {
        const auto head = floats(scores, i * scores.stride(0), block.scores());
        softmax_block(head, block, s, row_bias);
        if (drop) {
          mask_block(mask.row(at.sample), s.mask_place(at.head + i), block, s, head,
                     floats(weights, i * block.scores(), block.scores()));
        }
      }
      Tensor y = at.rows(out, s, 0, block.first, block.rows);
      at::bmm_out(y, weights, at.rows(qkv, s, 2, 0, block.columns));
    }
  });
  return out;
}

// out (+)= a b
void multiply(Tensor out, const Tensor& a, const Tensor& b, bool add) {
  if (add) {
    out.baddbmm_(a, b);
  } else {
    at::bmm_out(out, a, b);
  }
}

// Backward: the gradient by qkv. The last block comes first: it reaches every key and value.
Tensor attend_backward(const Tensor& qkv, const Tensor& probabilities, const Tensor& gradient, const Shape& s,
                       float mask_scale) {
  Tensor result = at::empty_like(qkv);
  for_pieces(s, [&](const Heads& at) {
    for (auto block = s.blocks.rbegin(); block != s.blocks.rend(); ++block) {
      const Tensor dy = at.rows(gradient, s, 0, block->first, block->rows),
                   p = at.scores(probabilities, s, *block);
      const Tensor ds =
          at::bmm(dy, at.rows(qkv, s, 2, 0, block->columns).transpose(1, 2));  // by the weights, so far
      const Tensor weights = at::empty_like(ds);
      const std::int64_t size = block->scores();
      for (std::int64_t i = 0; i < at.count; ++i) {
        softmax_block_backward(floats(p, i * s.stored, size), *block, s, mask_scale,
                               floats(ds, i * size, size), floats(weights, i * size, size));
      }
      const bool add = block != s.blocks.rbegin();
      multiply(at.rows(result, s, 2, 0, block->columns), weights.transpose(1, 2), dy, add);
      multiply(at.rows(result, s, 0, block->first, block->rows), ds, at.rows(qkv, s, 1, 0, block->columns),
               false);
      multiply(at.rows(result, s, 1, 0, block->columns), ds.transpose(1, 2),
               at.rows(qkv, s, 0, block->first, block->rows), add);
    }
  });
  return result;
}

class AttentionFunction : public torch::autograd::Function<AttentionFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& qkv, const Tensor& bias, std::int64_t heads,
                        bool causal, const BatchMask& mask) {
    const Shape s(qkv, heads, causal);
    const Tensor in = qkv.contiguous();
    const Tensor probabilities = at::empty({s.batch, heads, s.stored}, in.options());
    context->save_for_backward({in, probabilities});
    context->saved_data["heads"] = heads;
    context->saved_data["causal"] = causal;
    context->saved_data["scale"] = static_cast<double>(mask.first.scale());
    return attend(in, bias.contiguous(), s, mask, probabilities);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Shape s(saved[0], context->saved_data["heads"].toInt(), context->saved_data["causal"].toBool());
    const auto scale = static_cast<float>(context->saved_data["scale"].toDouble());
    return {attend_backward(saved[0], saved[1], gradients[0].contiguous(), s, scale), Tensor(), Tensor(),
            Tensor(), Tensor()};
  }
};

// fp32 on the CPU; the mask's threshold is 0 without dropout.
Tensor cached_attention(const Tensor& qkv, const Tensor& bias, std::int64_t heads, bool causal,
                        const BatchMask& mask) {
  if (at::GradMode::is_enabled() && qkv.requires_grad())
    return AttentionFunction::apply(qkv, bias, heads, causal, mask);
  return attend(qkv.contiguous(), bias.contiguous(), Shape(qkv, heads, causal), mask, {});
}

// Scores, softmax and product by themselves, for the masks of `dropout` between them: LibTorch's attention would draw
// masks that depend on the number of ranks.
Tensor masked_attention(const Tensor& parts, const std::optional<Tensor>& bias, const Dropout& dropout) {
  const double scale = 1 / std::sqrt(static_cast<double>(parts.size(-1)));
  Tensor scores = at::matmul(parts[0] * scale, parts[1].transpose(-2, -1));  // (B, heads, T, T)
  const Tensor later =
      at::ones({scores.size(-1), scores.size(-1)}, scores.options().dtype(torch::kBool)).triu(1);
  scores = bias ? scores + *bias : scores.masked_fill(later, -std::numeric_limits<double>::infinity());
  return at::matmul(dropout.apply(at::softmax(scores, -1), /*training=*/true), parts[2]);
}

// bias: none: causal.
Tensor library_attention(const Tensor& qkv, const std::optional<Tensor>& bias, std::int64_t heads,
                         const Dropout& dropout, bool drop) {
  const std::int64_t batch = qkv.size(0), length = qkv.size(1), width = qkv.size(2) / 3;
  const Tensor parts =
      qkv.view({batch, length, 3, heads, width / heads}).permute({2, 0, 3, 1, 4});  // (3, B, heads, T, D)
  const Tensor y = drop && qkv.is_cpu()
                       ? masked_attention(parts, bias, dropout)
                       : at::scaled_dot_product_attention(parts[0], parts[1], parts[2], bias,
                                                          drop ? dropout.p() : 0.0, !bias.has_value());
  return y.transpose(1, 2).reshape({batch, length, width});
}

// Of masks: without dropout nothing is masked, and LibTorch has kernels of its own for other types.
bool takes_library(const Tensor& qkv, bool drop) {
  return !qkv.is_cpu() || !own_kernels() || (!drop && qkv.scalar_type() != torch::kFloat32);
}

BatchMask mask_of(const Dropout& dropout, bool drop) {
  BatchMask mask = dropout.mask();
  if (!drop) mask.first.threshold = 0;
  return mask;
}

}  // namespace

Tensor self_attention(const Tensor& qkv, const Tensor& bias, std::int64_t heads, const Dropout& dropout,
                      bool training) {
  const bool drop = training && dropout.p() > 0;
  if (takes_library(qkv, drop))
    return library_attention(qkv, bias.to(qkv.scalar_type()), heads, dropout, drop);
  return cached_attention(qkv.to(torch::kFloat32), bias.to(torch::kFloat32), heads, false,
                          mask_of(dropout, drop))
      .to(qkv.scalar_type());
}

Tensor causal_self_attention(const Tensor& qkv, std::int64_t heads, const Dropout& dropout, bool training) {
  const bool drop = training && dropout.p() > 0;
  if (takes_library(qkv, drop)) return library_attention(qkv, std::nullopt, heads, dropout, drop);
  const std::int64_t length = qkv.size(1);
  Tensor bias = at::zeros({length + kVector}, qkv.options().dtype(torch::kFloat32).requires_grad(false));
  bias.narrow(0, length, kVector).fill_(-std::numeric_limits<float>::infinity());
  return cached_attention(qkv.to(torch::kFloat32), bias, heads, true, mask_of(dropout, drop))
      .to(qkv.scalar_type());
}

}  // namespace lockstep
