#include "models/embedding.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <span>
#include <vector>

#include "models/embedding_kernels.hpp"

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

// The words of a batch in ascending order, and each word's place among them.
struct Words {
  std::vector<std::int64_t> ids;
  std::vector<std::int32_t> place;  // by id

  Words(const Tensor& tokens, std::int64_t vocabulary) : place(static_cast<std::size_t>(vocabulary), 0) {
    const auto* begin = tokens.const_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < tokens.numel(); ++i) place[static_cast<std::size_t>(begin[i])] = 1;
    for (std::size_t id = 1; id < place.size(); ++id) {
      if (place[id] == 0) continue;
      place[id] = static_cast<std::int32_t>(ids.size());
      ids.push_back(static_cast<std::int64_t>(id));
    }
  }
};

// Adds scale(b) * gradient's row of token (b, t) to row `place(id)` of `sums`. Threads share the columns, so
// that the order of additions does not depend on their number.
struct RowSums {
  const Tensor& tokens;    // (B, T)
  const Tensor& gradient;  // (B, T, E), or (B, E): one row for all tokens of a document, by their share
  Tensor sums;             // (rows, E)

  template <typename Place>
  void add(const Place& place) const {
    at::parallel_for(0, sums.size(1), 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = 0; b < tokens.size(0); ++b) add_document(b, begin, end, place);
    });
  }

 private:
  template <typename Place>
  void add_document(std::int64_t b, std::int64_t begin, std::int64_t end, const Place& place) const {
    const std::span<const std::int64_t> ids = ids_of(tokens, b);
    const bool shared = gradient.dim() == 2;
    const std::int64_t width = sums.size(1), step = shared ? 0 : width;
    const auto real = static_cast<float>(
        ids.size() - static_cast<std::size_t>(std::count(ids.begin(), ids.end(), std::int64_t{0})));
    const float scale = shared ? 1.0F / std::max(real, 1.0F) : 1.0F;
    const auto documents = shared ? b : b * static_cast<std::int64_t>(ids.size());
    const float* from = gradient.const_data_ptr<float>() + documents * width;
    auto* to = sums.data_ptr<float>();
    for (const std::int64_t id : ids) {
      if (id != 0)
        kernels::add_scaled({from + begin, static_cast<std::size_t>(end - begin)}, scale,
                            to + place(id) * width + begin);
      from += step;
    }
  }
};

// The gradient by the table. When one is there to be added to, only the batch's rows are returned (autograd
// adds a sparse gradient to a dense one in place): a dense gradient would be zeroed, written and read whole.
Tensor table_gradient(const Tensor& weight, const Tensor& tokens, const Tensor& gradient) {
  const std::int64_t vocabulary = weight.size(0), width = weight.size(1);
  const bool accumulates = weight.is_leaf() && weight.grad().defined() && !weight.grad().is_sparse();
  if (!accumulates) {
    const RowSums rows{tokens, gradient, at::zeros({vocabulary, width}, gradient.options())};
    rows.add([](std::int64_t id) { return id; });
    return rows.sums;
  }
  const Words words(tokens, vocabulary);
  const auto count = static_cast<std::int64_t>(words.ids.size());
  const RowSums rows{tokens, gradient, at::zeros({count, width}, gradient.options())};
  rows.add([&](std::int64_t id) { return std::int64_t{words.place[static_cast<std::size_t>(id)]}; });
  Tensor ids = at::empty({1, count}, tokens.options());
  std::copy(words.ids.begin(), words.ids.end(), ids.data_ptr<std::int64_t>());
  Tensor sparse = at::_sparse_coo_tensor_unsafe(ids, rows.sums, weight.sizes());
  return sparse._coalesced_(true);
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
