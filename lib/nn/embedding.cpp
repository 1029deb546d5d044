#include "nn/embedding.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <span>

#include "nn/embedding_kernels.hpp"
#include "nn/gradient_sink.hpp"
#include "nn/touched_rows.hpp"

namespace lockstep {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kMean = 1;  // at::embedding_bag's code

bool by_own_loops(const Tensor& weight) { return weight.is_cpu() && weight.scalar_type() == torch::kFloat32; }

std::span<const std::int64_t> ids_of(const Tensor& tokens, std::int64_t document) {
  const std::int64_t length = tokens.size(1);
  return {tokens.const_data_ptr<std::int64_t>() + document * length, static_cast<std::size_t>(length)};
}

void check_ids(const Tensor& tokens, std::int64_t vocabulary) {
  const auto* begin = tokens.const_data_ptr<std::int64_t>();
  const auto [least, largest] = std::minmax_element(begin, begin + tokens.numel());
  TORCH_CHECK_INDEX(tokens.numel() == 0 || (*least >= 0 && *largest < vocabulary),
                    "token id out of range: the vocabulary has ", vocabulary, " ids");
}

// Adds each token's row of the gradient to the row of its id. Threads share the columns, so that the order of
// additions does not depend on their number.
struct RowSums {
  const Tensor& tokens;    // (B, T)
  const Tensor& gradient;  // (B, T, E), or (B, E): one row for all tokens of a document, by their share
  const Tensor& sums;      // (vocabulary, E)

  void add() const {
    at::parallel_for(0, sums.size(1), 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = 0; b < tokens.size(0); ++b) add_document(b, begin, end);
    });
  }

 private:
  void add_document(std::int64_t b, std::int64_t begin, std::int64_t end) const {
    const std::span<const std::int64_t> ids = ids_of(tokens, b);
    const bool shared = gradient.dim() == 2;
    const std::int64_t width = sums.size(1);
    const auto length = static_cast<std::int64_t>(ids.size());
    const auto real = length - std::count(ids.begin(), ids.end(), std::int64_t{0});
    const float scale = shared ? 1.0F / static_cast<float>(std::max<std::int64_t>(real, 1)) : 1.0F;
    const float* from = gradient.const_data_ptr<float>() + (shared ? b : b * length) * width;
    kernels::add_to_rows(ids, from + begin, shared ? 0 : width, scale, end - begin,
                         sums.data_ptr<float>() + begin, width);
  }
};

// The gradient by the table. When one is there to be added to, that is done here, for the batch's rows alone,
// and none is returned: autograd would have a dense gradient zeroed, written, read and added whole.
Tensor table_gradient(const Tensor& weight, const Tensor& tokens, const Tensor& gradient) {
  const Tensor& present = weight.grad();
  if (weight.is_leaf() && present.defined() && present.is_contiguous() && adds_to_leaves()) {
    RowSums{tokens, gradient, present}.add();
    if (TouchedRows* rows = TouchedRows::of(weight))
      rows->touch({tokens.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(tokens.numel())});
    return {};
  }
  Tensor sums = at::zeros(weight.sizes(), gradient.options());
  RowSums{tokens, gradient, sums}.add();
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
  if (by_own_loops(weight)) return EmbeddingFunction::apply(weight, tokens, false);
  const Tensor x = at::embedding(weight, tokens, /*padding_idx=*/0);
  return x.masked_fill(tokens.eq(0).unsqueeze(2), 0);
}

Tensor mean_embedding(const Tensor& weight, const Tensor& tokens) {
  RECORD_FUNCTION("lockstep::mean_embedding", std::vector<c10::IValue>({weight, tokens}));
  if (by_own_loops(weight)) return EmbeddingFunction::apply(weight, tokens, true);
  const Tensor begins = at::arange(0, tokens.numel(), tokens.size(1), tokens.options());
  return std::get<0>(at::embedding_bag(weight, tokens.flatten(), begins, false, kMean, false, {}, false,
                                       /*padding_idx=*/0));
}

}  // namespace lockstep
