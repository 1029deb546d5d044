// Embeddings on a GPU, against plain indexing in float64, relative to the reference's norm.
#include "nn/embedding.hpp"

#include <ATen/ATen.h>

#include "plain_embedding.hpp"
#include "support/catch.hpp"
#include "support/gpu.hpp"

using namespace lockstep;
using namespace lockstep::test;
using torch::Tensor;

namespace {

const auto kOnGpu = torch::TensorOptions().device(torch::kCUDA);

void check_close(const Tensor& actual, const Tensor& expected) {
  REQUIRE(actual.sizes() == expected.sizes());
  const double norm = expected.norm().item<double>(),
               gap = (actual.to(torch::kFloat64) - expected).norm().item<double>();
  CAPTURE(norm, gap);
  CHECK(gap <= 1e-6 * norm + 1e-12);  // false for NaN
}

// Ids as in text: some far more frequent than others, padding at the end of documents, the last document of nothing else.
Tensor text(std::int64_t documents, std::int64_t length, std::int64_t vocabulary) {
  const Tensor random = torch::rand({documents, length}, kOnGpu).pow(4);
  Tensor tokens = (random * static_cast<double>(vocabulary)).to(torch::kInt64);
  if (length > 2) tokens.narrow(1, length - length / 3, length / 3).zero_();
  tokens[documents - 1].zero_();
  return tokens;
}

template <typename Ours, typename Plain>
void check(const Ours& ours, const Plain& plain, const Tensor& tokens, std::int64_t vocabulary,
           std::int64_t width) {
  CAPTURE(tokens.sizes(), vocabulary, width);
  Tensor weight = torch::randn({vocabulary, width}, kOnGpu).requires_grad_();
  Tensor exact = weight.detach().to(torch::kFloat64).requires_grad_();
  const Tensor y = ours(weight, tokens), expected = plain(exact, tokens);
  check_close(y.detach(), expected.detach());
  const Tensor gradient = torch::randn_like(y);
  y.backward(gradient);
  expected.backward(gradient.to(torch::kFloat64));
  check_close(weight.grad(), exact.grad());
  // Once more into the gradient that is there, which stays where it is.
  const void* place = weight.grad().data_ptr();
  ours(weight, tokens).backward(gradient);
  REQUIRE(weight.grad().data_ptr() == place);
  check_close(weight.grad(), 2 * exact.grad());
  // Sums have an order of their own: the same bits each time.
  const Tensor twice = weight.grad().clone();
  for (int i = 0; i < 3; ++i) {
    weight.mutable_grad() = Tensor();
    ours(weight, tokens).backward(gradient);
    ours(weight, tokens).backward(gradient);
    REQUIRE(torch::equal(weight.grad(), twice));
  }
}

void check_all(const Tensor& tokens, std::int64_t vocabulary, std::int64_t width) {
  check(embed, plain_embed, tokens, vocabulary, width);
  check(look_up_rows, plain_rows, tokens, vocabulary, width);
  check(mean_embedding, plain_mean, tokens, vocabulary, width);
}

}  // namespace

TEST_CASE("Embeddings and their gradients, of any size") {
  if (!gpu_is_there()) return;
  torch::manual_seed(5);
  for (const std::int64_t width : {1, 3, 128, 300, 301})
    for (const auto& [documents, length] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {1, 64}, {3, 43}, {2, 65}, {64, 200}})
      check_all(text(documents, length, 997), 997, width);
}

TEST_CASE("A word that fills many pieces, and tables of one row and of many") {
  if (!gpu_is_there()) return;
  torch::manual_seed(6);
  check_all(torch::full({50, 100}, 3, kOnGpu.dtype(torch::kInt64)), 4, 20);
  check_all(torch::zeros({2, 100}, kOnGpu.dtype(torch::kInt64)), 1, 20);
  check_all(text(512, 256, 65536), 65536, 36);
  check_all(torch::arange(1, 20001, kOnGpu.dtype(torch::kInt64)).view({100, 200}), 20001, 8);
}

TEST_CASE("An id outside the table makes NaN, and spoils no other row's gradient") {
  if (!gpu_is_there()) return;
  const Tensor tokens = torch::tensor({{1, 2, 7}, {1, -5, 2}, {2, 2, 1}}, torch::kInt64).to(torch::kCUDA);
  Tensor weight = torch::ones({7, 5}, kOnGpu).requires_grad_();
  const Tensor rows = embed(weight, tokens), means = mean_embedding(weight, tokens);
  CHECK(rows.isnan().sum().item<std::int64_t>() == 2 * 5);
  CHECK(means.isnan().sum().item<std::int64_t>() == 2 * 5);
  rows.backward(torch::ones_like(rows));
  const Tensor counts = torch::tensor({0, 3, 4, 0, 0, 0, 0}, torch::kFloat32).to(torch::kCUDA);
  CHECK(torch::equal(weight.grad(), counts.unsqueeze(1).expand({7, 5})));
}
