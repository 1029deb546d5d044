#include "nn/linear_function.hpp"

#include "models/helpers.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

TEST_CASE("The linear map is LibTorch's, small and large, few rows and many, forward and backward") {
  torch::manual_seed(6);
  struct Case {
    std::vector<std::int64_t> x;
    std::int64_t out;
  };
  for (const Case& c :
       {Case{{3, 5}, 4}, Case{{64, 1024}, 600}, Case{{16, 128, 128}, 160}, Case{{1, 70000}, 500}}) {
    CAPTURE(c.x, c.out);
    const std::int64_t in = c.x.back();
    const torch::Tensor x = torch::randn(c.x),
                        w = torch::randn({c.out, in}) / std::sqrt(static_cast<double>(in));
    const torch::Tensor b = torch::randn({c.out});
    std::vector<torch::Tensor> ours{x.clone(), w.clone(), b.clone()}, theirs{x.clone(), w.clone(), b.clone()};
    for (auto* inputs : {&ours, &theirs}) {
      for (torch::Tensor& tensor : *inputs) tensor.requires_grad_();
    }
    const torch::Tensor y = fast_linear(ours[0], ours[1], ours[2]),
                        z = at::linear(theirs[0], theirs[1], theirs[2]);
    REQUIRE(y.sizes() == z.sizes());
    REQUIRE(largest_difference(y, z) < 1e-4);
    const torch::Tensor gradient = torch::randn_like(y);
    y.backward(gradient);
    z.backward(gradient);
    for (std::size_t i = 0; i < 3; ++i) {
      REQUIRE(ours[i].grad().sizes() == theirs[i].grad().sizes());
      REQUIRE(all_close(ours[i].grad(), theirs[i].grad(), 1e-4, 1e-3));
    }
  }
}

TEST_CASE("An input without a gradient costs none") {
  const torch::Tensor x = torch::randn({64, 1024}), w = torch::randn({600, 1024}).requires_grad_();
  const torch::Tensor b = torch::randn({600}).requires_grad_();
  fast_linear(x, w, b).sum().backward();
  REQUIRE_FALSE(x.grad().defined());
  REQUIRE(all_close(w.grad(), x.sum(0).expand({600, 1024}), 1e-3, 1e-3));
}

TEST_CASE("Without a bias the linear map is LibTorch's too") {
  for (const std::int64_t rows : {2, 64}) {
    const torch::Tensor x = torch::randn({rows, 1024});
    torch::Tensor w = torch::randn({600, 1024}).requires_grad_();
    const torch::Tensor y = fast_linear(x, w, {});
    REQUIRE(all_close(y, x.mm(w.t()), 1e-3, 1e-3));
    y.sum().backward();
    REQUIRE(all_close(w.grad(), x.sum(0).expand({600, 1024}), 1e-3, 1e-3));
  }
}
