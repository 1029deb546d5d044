#include "nn/window_maximum.hpp"

#include "models/helpers.hpp"
#include "nn/text.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// One document at a time: zeros after its end, LibTorch's convolution, the maximum over all its windows.
torch::Tensor plain(const torch::Tensor& x, const torch::Tensor& lengths, const torch::Tensor& weight,
                    const torch::Tensor& bias) {
  std::vector<torch::Tensor> rows;
  for (std::int64_t b = 0; b < x.size(0); ++b) {
    const torch::Tensor words = x[b].narrow(0, 0, lengths[b].item<std::int64_t>()).t().unsqueeze(0);
    const torch::Tensor longer = torch::constant_pad_nd(words, {0, weight.size(0) - 1});
    const torch::Tensor windows = at::conv1d(longer, weight.permute({1, 2, 0}), bias).relu();
    rows.push_back(std::get<0>(windows.max(2)));
  }
  return torch::cat(rows);
}

}  // namespace

TEST_CASE("The maximum over windows is LibTorch's convolution, document by document, with every gradient") {
  torch::manual_seed(11);
  for (const torch::ScalarType type : {torch::kFloat32, torch::kFloat64}) {
    for (const std::int64_t kernel : {1, 3, 7}) {
      for (const auto& [width, filters] : {std::pair{5, 3}, {32, 100}}) {
        CAPTURE(type, kernel, width, filters);
        const torch::Tensor lengths = torch::tensor({20, 1, 2, 150, 7, 3}, torch::kInt64);
        torch::Tensor x = torch::randn({6, 150, width}, type);
        x.mul_(document_mask(lengths, 150).unsqueeze(2));
        const torch::Tensor weight = torch::randn({kernel, filters, width}, type) / 4,
                            bias = torch::randn({filters}, type);
        std::vector<torch::Tensor> ours{x, weight, bias}, theirs{x, weight, bias};
        for (auto* inputs : {&ours, &theirs})
          for (torch::Tensor& tensor : *inputs) tensor = tensor.clone().requires_grad_();
        const torch::Tensor y = window_maximum(ours[0], lengths, ours[1], ours[2]),
                            z = plain(theirs[0], lengths, theirs[1], theirs[2]);
        REQUIRE(largest_difference(y, z) < 1e-5);
        const torch::Tensor gradient = torch::randn_like(y);
        y.backward(gradient);
        z.backward(gradient);
        for (std::size_t i = 0; i < 3; ++i)
          REQUIRE(largest_difference(ours[i].grad(), theirs[i].grad()) < 1e-4);
      }
    }
  }
}

TEST_CASE("A filter width given twice, or none, is refused") {
  for (const std::string kernels : {"[3, 5, 3]", "[]"}) {
    CAPTURE(kernels);
    REQUIRE_THROWS_WITH(make("text_cnn", "", kNews, {{"kernels", kernels}}),
                        Catch::Contains("configs/x.yaml:5: 'model.kernels'"));
  }
}
