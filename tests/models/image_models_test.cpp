// vgg11 and conv_autoencoder: what the tests of the whole zoo do not say.
#include <torch/nn/modules/conv.h>

#include "base/error.hpp"
#include "models/helpers.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::string refusal(const std::string& model, const ModelInputs& inputs, const Given& given = {}) {
  try {
    make(model, "", inputs, given);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const Given kSmallVgg{
    {"hidden", "[16]"}, {"channels", "[4, 8, 8]"}, {"pool_after", "[1, 3]"}, {"pooled", "2"}};

}  // namespace

TEST_CASE("vgg11 takes images of any size, with the same parameters") {
  const torch::NoGradGuard no_grad;
  for (const std::int64_t size : {8, 9, 32}) {
    const ModelInputs inputs{{3, size, size}, 0, 10};
    const auto model = make("vgg11", "", inputs, kSmallVgg);
    model->eval();
    CHECK(model->parameter_count() ==
          3 * 4 * 9 + 4 * 3 + 4 * 8 * 9 + 8 * 3 + 8 * 8 * 9 + 8 * 3 + (8 * 4 + 1) * 16 + (16 + 1) * 10);
    CHECK(model->forward(random_batch(inputs, 2)).sizes() == at::IntArrayRef({2, 10}));
  }
}

TEST_CASE("vgg11 drops hidden activations out while training only") {
  Given given = kSmallVgg;
  given.emplace_back("dropout", "0.9");
  const ModelInputs inputs{{3, 8, 8}, 0, 10};
  const auto model = make("vgg11", "", inputs, given);
  const torch::Tensor batch = random_batch(inputs, 4);
  model->eval();
  const torch::Tensor first = model->forward(batch);
  CHECK(torch::equal(first, model->forward(batch)));
  model->train();
  model->dropout_context() = {1, 0, 0};
  const torch::Tensor dropped = model->forward(batch);
  model->dropout_context() = {1, 1, 0};
  CHECK_FALSE(torch::equal(dropped, model->forward(batch)));
}

TEST_CASE("vgg11 refuses what leaves no pixel, and a pooling after no convolution") {
  CHECK(refusal("vgg11", {{3, 16, 16}, 0, 10}).find("no pixel is left of a 16 x 16 image") !=
        std::string::npos);
  CHECK(refusal("vgg11", kCifar, {{"pool_after", "[9]"}}).find("there is no convolution 9") !=
        std::string::npos);
}

TEST_CASE("conv_autoencoder gives back images of the shape it got, in [0, 1]") {
  const torch::NoGradGuard no_grad;
  for (const auto& [inputs, parameters] : {std::pair{kMnist, 1'077}, {kCifar, 1'495}}) {
    const auto model = make("conv_autoencoder", "", inputs);
    CHECK(model->parameter_count() == parameters);
    const torch::Tensor batch = random_batch(inputs, 3), made = model->forward(batch);
    CHECK(made.sizes() == batch.sizes());
    CHECK(made.min().item<float>() >= 0);
    CHECK(made.max().item<float>() <= 1);
  }
  CHECK(refusal("conv_autoencoder", {{1, 30, 28}, 0, 10}).find("multiples of 4; these are 30 x 28") !=
        std::string::npos);
}

TEST_CASE("conv_autoencoder learns to give back what it sees") {
  const ModelInputs inputs{{1, 8, 8}, 0, 10};
  const auto model = make("conv_autoencoder", "", inputs);
  const torch::Tensor batch =
      (torch::arange(8 * 64).reshape({8, 1, 8, 8}).remainder(7) > 3).to(torch::kFloat32);
  const auto loss = [&] { return at::mse_loss(model->forward(batch), batch); };
  const double before = loss().item<double>();
  for (int step = 0; step < 200; ++step) {
    model->zero_grad();
    loss().backward();
    const torch::NoGradGuard no_grad;
    for (torch::Tensor& parameter : model->parameters()) parameter.sub_(parameter.grad(), 1.0);
  }
  CHECK(loss().item<double>() < 0.85 * before);
}
