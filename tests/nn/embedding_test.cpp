#include "nn/embedding.hpp"

#include <torch/csrc/autograd/autograd.h>

#include "models/helpers.hpp"
#include "nn/text.hpp"
#include "plain_embedding.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr std::int64_t kVocabulary = 40;

torch::Tensor sample_tokens() { return documents({7, 1, 0, 5}, 7, kVocabulary); }

template <typename Ours, typename Plain>
void require_equal(const Ours& ours, const Plain& plain, std::int64_t width, torch::ScalarType type) {
  torch::manual_seed(9);
  const torch::Tensor tokens = sample_tokens();
  const torch::Tensor table = torch::randn({kVocabulary, width}, type);
  torch::Tensor a = table.clone().requires_grad_(), b = table.clone().requires_grad_();
  const torch::Tensor y = ours(a, tokens), z = plain(b, tokens);
  REQUIRE(y.sizes() == z.sizes());
  REQUIRE(largest_difference(y, z) < 1e-6);
  const torch::Tensor gradient = torch::randn_like(y);
  y.backward(gradient);
  z.backward(gradient);
  REQUIRE_FALSE(a.grad().is_sparse());
  REQUIRE(largest_difference(a.grad(), b.grad()) < 1e-5);
  // A second time into the gradient that is there, which must stay where it is.
  const void* place = a.grad().data_ptr();
  ours(a, tokens).backward(gradient);
  REQUIRE(a.grad().data_ptr() == place);
  REQUIRE(largest_difference(a.grad(), 2 * b.grad()) < 2e-5);
}

}  // namespace

TEST_CASE("Embedding and its mean are the plain ones, for any width and type, with their gradients") {
  for (const torch::ScalarType type : {torch::kFloat32, torch::kFloat64}) {
    for (const std::int64_t width : {1, 16, 300}) {
      CAPTURE(type, width);
      require_equal(embed, plain_embed, width, type);
      require_equal(mean_embedding, plain_mean, width, type);
    }
  }
}

TEST_CASE("A gradient that is not added to one is dense, for whoever asks for it") {
  const torch::Tensor tokens = sample_tokens();
  torch::Tensor weight = torch::randn({kVocabulary, 4}).requires_grad_();
  const auto gradients = torch::autograd::grad({embed(weight, tokens).sum()}, {weight});
  REQUIRE_FALSE(gradients[0].is_sparse());
  REQUIRE(gradients[0].sum().item<double>() == Approx(13 * 4));
  // Asked for, not accumulated: the one that is there stays as it is.
  weight.mutable_grad() = torch::ones_like(weight);
  const auto again = torch::autograd::grad({embed(weight, tokens).sum()}, {weight});
  REQUIRE(torch::equal(again[0], gradients[0]));
  REQUIRE(torch::equal(weight.grad(), torch::ones_like(weight)));
}

TEST_CASE("A table used twice gets the gradients of both, from the other first or last") {
  const torch::Tensor tokens = sample_tokens();
  const torch::Tensor table = torch::randn({kVocabulary, 4});
  const auto gradient_of = [&](auto&& embedding, bool present) {
    torch::Tensor weight = table.clone().requires_grad_();
    if (present) weight.mutable_grad() = torch::zeros_like(weight);
    const torch::Tensor scores = torch::linear(embedding(weight, tokens), weight);  // tied, as gpt's head
    scores.pow(2).sum().backward();
    return weight.grad();
  };
  const torch::Tensor wanted = gradient_of(plain_embed, false);
  REQUIRE(all_close(gradient_of(embed, false), wanted, 1e-4, 1e-4));
  REQUIRE(all_close(gradient_of(embed, true), wanted, 1e-4, 1e-4));
}

TEST_CASE("An id outside the vocabulary is refused, not read") {
  const torch::Tensor weight = torch::randn({5, 4});
  for (const std::int64_t id : {-1, 5}) {
    const torch::Tensor tokens = torch::full({1, 3}, id, torch::kInt64);
    REQUIRE_THROWS_AS(embed(weight, tokens), c10::IndexError);
    REQUIRE_THROWS_AS(mean_embedding(weight, tokens), c10::IndexError);
  }
}

TEST_CASE("The table is drawn from N(0, 1) and the row of padding is zero") {
  torch::manual_seed(4);
  const auto table = word_embedding(2000, 50);
  REQUIRE(table->weight[0].abs().max().item<double>() == 0);
  REQUIRE(table->weight.mean().item<double>() == Approx(0).margin(0.02));
  REQUIRE(table->weight.std().item<double>() == Approx(1).margin(0.02));
}

TEST_CASE("A document of no tokens has one, which is padding") {
  const torch::Tensor lengths = document_lengths(sample_tokens());
  REQUIRE(torch::equal(lengths, torch::tensor({7, 1, 1, 5})));
  REQUIRE(torch::equal(document_mask(lengths, 7).sum(1), lengths));
}
