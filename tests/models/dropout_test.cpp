#include "models/dropout.hpp"

#include "models/helpers.hpp"
#include "support/catch.hpp"

using namespace lockstep;

TEST_CASE("Dropout keeps its rate and scales what it keeps") {
  const Dropout dropout(0.1, 3, std::make_shared<DropoutContext>());
  const torch::Tensor y = dropout(torch::ones({64, 128, 128}));
  const double kept = (y != 0).to(torch::kFloat64).mean().item<double>();
  REQUIRE(kept == Approx(0.9).margin(5 * std::sqrt(0.1 * 0.9 / static_cast<double>(y.numel()))));
  REQUIRE(y.max().item<double>() == Approx(1 / 0.9).epsilon(1e-4));
}
