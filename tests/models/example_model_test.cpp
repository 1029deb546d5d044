// The worked example of docs/adding-a-model.md: it is the file that is built here, and it trains.
#include <fstream>
#include <sstream>

#include "models/helpers.hpp"
#include "support/catch.hpp"

namespace lockstep {
ModelRow residual_mlp();
}

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(std::string(LOCKSTEP_SOURCE_DIR) + "/" + path);
  REQUIRE(file.is_open());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("The document shows the example that is built") {
  const std::string code = "```cpp\n" + text_of("tests/models/example_model.cpp") + "```\n";
  REQUIRE(text_of("docs/adding-a-model.md").find(code) != std::string::npos);
}

TEST_CASE("The example learns") {
  const ModelInputs inputs{{1, 4, 4}, 0, 3};
  const auto model =
      make_model(residual_mlp(), choose("residual_mlp", "narrow", {{"blocks", "2"}}), inputs, 1);
  REQUIRE(model->parameter_count() == (16 * 64 + 64) + 2 * (64 * 64 + 64) + (64 * 3 + 3));
  const torch::Tensor batch = random_batch(inputs, 12), targets = torch::arange(12).remainder(3);
  double loss = 0;
  for (int step = 0; step < 100; ++step) {
    const torch::Tensor output = at::cross_entropy_loss(model->forward(batch), targets);
    loss = output.item<double>();
    model->zero_grad();
    output.backward();
    const torch::NoGradGuard no_grad;
    for (torch::Tensor& parameter : model->parameters()) parameter.sub_(parameter.grad(), 0.1);
  }
  REQUIRE(loss < 0.1);
}
