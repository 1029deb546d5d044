#include "nn/embedding.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <span>

#include "nn/embedding_kernels.hpp"
#include "nn/fused.hpp"
#include "nn/gradient_sink.hpp"
#include "nn/own_kernels.hpp"
#include "nn/touched_rows.hpp"

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kMean = 1;  // at::embedding_bag's code

std::span<const std::int64_t> ids_of(const Tensor& tokens, std::int64_t document) {
  const std::int64_t length = tokens.size(1);
  return {tokens.const_data_ptr<std::int64_t>() + document * length, static_cast<std::size_t>(length)};
}

std::span<const std::int64_t> all_ids_of(const Tensor& tokens) {
  return {tokens.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(tokens.numel())};
}

std::span<std::int32_t> span_of(const Tensor& numbers) {
  return {numbers.data_ptr<std::int32_t>(), static_cast<std::size_t>(numbers.numel())};
}

void check_ids(const Tensor& tokens, std::int64_t vocabulary) {
  const std::span<const std::int64_t> ids = all_ids_of(tokens);
  const auto [least, largest] = std::minmax_element(ids.begin(), ids.end());
  TORCH_CHECK_INDEX(ids.empty() || (*least >= 0 && *largest < vocabulary),
                    "token id out of range: the vocabulary has ", vocabulary, " ids");
}

// Adds to the rows of `sums` (vocabulary, E) the gradient of each of their tokens. Threads share the columns, so that
// the order of additions does not depend on their number.

// gradient (B, T, E): of each token.
void add_token_gradients(const Tensor& tokens, const Tensor& gradient, const Tensor& sums) {
  const std::int64_t width = sums.size(1), document = tokens.size(1) * width;
  const auto* from = gradient.const_data_ptr<float>();
  auto* to = sums.data_ptr<float>();
  at::parallel_for(0, width, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = 0; b < tokens.size(0); ++b)
      kernels::add_to_rows(ids_of(tokens, b), from + b * document + begin, end - begin, to + begin, width);
  });
}

// By 1: each token's share of its document's mean, (B).
Tensor token_shares(const Tensor& tokens) {
  Tensor shares = at::empty({tokens.size(0)}, at::kFloat);
  auto* share = shares.data_ptr<float>();
  for (std::int64_t b = 0; b < tokens.size(0); ++b) {
    const std::span<const std::int64_t> ids = ids_of(tokens, b);
    const auto padding = std::count(ids.begin(), ids.end(), std::int64_t{0});
    share[b] = 1.0F / static_cast<float>(std::max<std::int64_t>(std::ssize(ids) - padding, 1));
  }
  return shares;
}

// gradient (B, E): of each document's mean.
void add_mean_gradients(const Tensor& tokens, const Tensor& gradient, const Tensor& sums) {
  const Tensor shares = token_shares(tokens);
  const Tensor begins = at::empty({sums.size(0) + 1}, at::kInt),
               documents = at::empty({tokens.numel()}, at::kInt);
  kernels::find_occurrences(all_ids_of(tokens), tokens.size(1), span_of(begins), span_of(documents));
  const kernels::Occurrences occurrences{span_of(begins), span_of(documents)};
  const std::int64_t width = sums.size(1);
  const auto* from = gradient.const_data_ptr<float>();
  auto* to = sums.data_ptr<float>();
  at::parallel_for(0, width, 64, [&](std::int64_t begin, std::int64_t end) {
    kernels::add_by_id(occurrences, from + begin, shares.const_data_ptr<float>(), end - begin, to + begin,
                       width);
  });
}

void add_gradients(const Tensor& tokens, const Tensor& gradient, const Tensor& sums) {
  gradient.dim() == 2 ? add_mean_gradients(tokens, gradient, sums)
                      : add_token_gradients(tokens, gradient, sums);
}

// The gradient by the table. When one is there to be added to, that is done here, for the batch's rows alone,
// and none is returned: autograd would have a dense gradient zeroed, written, read and added whole.
Tensor table_gradient(const Tensor& weight, const Tensor& tokens, const Tensor& gradient) {
  if (const Tensor present = present_gradient(weight); present.defined()) {
    add_gradients(tokens, gradient, present);
    if (TouchedRows* rows = TouchedRows::of(weight)) rows->touch(all_ids_of(tokens));
    return {};
  }
  Tensor sums = at::zeros(weight.sizes(), gradient.options());
  add_gradients(tokens, gradient, sums);
  return sums;
}

class EmbeddingFunction : public torch::autograd::Function<EmbeddingFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& weight, const Tensor& tokens, bool mean) {
    const Tensor ids = tokens.contiguous();
    check_ids(ids, weight.size(0));
    context->save_for_backward({weight, ids});
    return mean ? means(weight, ids) : rows(weight, ids);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    return {table_gradient(saved[0], saved[1], gradients[0].contiguous()), Tensor(), Tensor()};
  }

 private:
  static Tensor rows(const Tensor& weight, const Tensor& ids) {
    const std::int64_t width = weight.size(1), row = ids.size(1) * width;
    Tensor out = at::empty({ids.size(0), ids.size(1), width}, weight.options());
    const auto* table = weight.const_data_ptr<float>();
    auto* to = out.data_ptr<float>();
    at::parallel_for(0, ids.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b)
        kernels::gather_rows(ids_of(ids, b), table, width, to + b * row);
    });
    return out;
  }

  static Tensor means(const Tensor& weight, const Tensor& ids) {
    const std::int64_t width = weight.size(1);
    Tensor out = at::empty({ids.size(0), width}, weight.options());
    const auto* table = weight.const_data_ptr<float>();
    auto* to = out.data_ptr<float>();
    at::parallel_for(0, ids.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b)
        kernels::mean_of_rows(ids_of(ids, b), table, width, to + b * width);
    });
    return out;
  }
};

}  // namespace

torch::nn::Embedding word_embedding(std::int64_t vocabulary, std::int64_t width) {
  return torch::nn::Embedding(torch::nn::EmbeddingOptions(vocabulary, width).padding_idx(0));
}

Tensor embed(const Tensor& weight, const Tensor& tokens) {
  RECORD_FUNCTION("lockstep::embed", std::vector<c10::IValue>({weight, tokens}));
  if (takes_own_loops(weight)) return EmbeddingFunction::apply(weight, tokens, false);
  if constexpr (fused::kBuilt)
    if (fused::takes_table(weight)) return fused::embed(weight, tokens);
  const Tensor x = at::embedding(weight, tokens, /*padding_idx=*/0);
  return x.masked_fill(tokens.eq(0).unsqueeze(2), 0);
}

Tensor look_up_rows(const Tensor& weight, const Tensor& tokens) {
  if constexpr (fused::kBuilt)
    if (fused::takes_table(weight)) return fused::look_up_rows(weight, tokens);
  return at::embedding(weight, tokens);
}

Tensor mean_embedding(const Tensor& weight, const Tensor& tokens) {
  RECORD_FUNCTION("lockstep::mean_embedding", std::vector<c10::IValue>({weight, tokens}));
  if (takes_own_loops(weight)) return EmbeddingFunction::apply(weight, tokens, true);
  if constexpr (fused::kBuilt)
    if (fused::takes_table(weight)) return fused::mean_embedding(weight, tokens);
  const Tensor begins = at::arange(0, tokens.numel(), tokens.size(1), tokens.options());
  return std::get<0>(at::embedding_bag(weight, tokens.flatten(), begins, false, kMean, false, {}, false,
                                       /*padding_idx=*/0));
}

}  // namespace lockstep
