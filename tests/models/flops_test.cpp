// The stated FLOPs against the shapes of the matrix products and convolutions that LibTorch really executes.
#include <ATen/record_function.h>

#include <algorithm>

#include "models/helpers.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

thread_local double counted = 0;

double product(const at::Tensor& t) { return static_cast<double>(t.numel()); }

std::unique_ptr<at::ObserverContext> count(const at::RecordFunction& call) {
  const std::string name = call.name();
  const auto tensor = [&](std::size_t i) { return call.inputs()[i].toTensor(); };
  if (name == "aten::addmm") {  // bias, (m, k), (k, n)
    counted += 2 * product(tensor(1)) * static_cast<double>(tensor(2).size(1));
  } else if (name == "aten::mm" || name == "aten::bmm" || name == "aten::bmm.out") {
    counted += 2 * product(tensor(0)) * static_cast<double>(tensor(1).size(-1));
  } else if (name == "mkldnn::_linear_pointwise") {  // (..., k), (n, k)
    counted += 2 * product(tensor(0)) * static_cast<double>(tensor(1).size(0));
  } else if (name == "aten::convolution" &&
             call.inputs()[6].toBool()) {  // transposed: (N, C, H, W), (C, O, K, K)
    const at::Tensor images = tensor(0);
    counted += 2 * product(tensor(1)) * static_cast<double>(images.size(0) * images.size(2) * images.size(3));
  } else if (name == "aten::convolution") {  // images (N, C, H, W), kernels (O, C, K, K), ..., padding
    const std::int64_t padding = call.inputs()[4].toIntVector()[0], kernel = tensor(1).size(2);
    const std::int64_t height = tensor(0).size(2) + 2 * padding - kernel + 1;
    const std::int64_t width = tensor(0).size(3) + 2 * padding - kernel + 1;
    counted += 2 * product(tensor(1)) * static_cast<double>(tensor(0).size(0) * height * width);
  } else if (name == "lockstep::mean_embedding") {  // (vocabulary, E), (B, T): an addition a token
    counted += static_cast<double>(tensor(1).numel() * tensor(0).size(1));
  }
  return nullptr;
}

double measured_forward_flops(Model& model, const Flow& batch) {
  counted = 0;
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(count).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  model.forward(batch);
  at::removeCallback(handle);
  return counted;
}

}  // namespace

TEST_CASE("Stated FLOPs are those of the products executed") {
  struct Case {
    std::string name, preset;
    ModelInputs inputs;
  };
  const std::int64_t batch = 2;
  for (const Case& c : {Case{"mlp", "", kMnist}, Case{"cnn", "mnist", kMnist}, Case{"cnn", "cifar10", kCifar},
                        Case{"vgg11", "", kCifar}, Case{"conv_autoencoder", "", kMnist},
                        Case{"nbow", "", kReviews}, Case{"lstm", "", kNews}, Case{"gru", "", kNews},
                        Case{"transformer", "small", kNews}, Case{"transformer", "large", kLongNews},
                        // Short enough for attention to be computed whole.
                        Case{"gpt", "mini", {{64}, 256, 0, SampleKind::tokens}}}) {
    CAPTURE(c.name, c.preset);
    const auto model = make(c.name, c.preset, c.inputs);
    torch::Tensor input = random_batch(c.inputs, batch);
    // What is stated is for documents of the greatest length.
    if (!input.is_floating_point()) input = torch::randint_like(input, 1, c.inputs.vocabulary);
    const double forward = measured_forward_flops(*model, {input}) / static_cast<double>(batch);
    // Pooling's weighted mean is a product too, of 2 T E: below a thousandth.
    REQUIRE(model->flops_per_sample() == Approx(3 * forward).epsilon(1e-3));
  }
}

TEST_CASE("Stated FLOPs of a translation model are those of full sentences, each position read once") {
  const ModelInputs inputs{{12}, 300, 0, SampleKind::pairs, 9, 200};
  const auto model = make("seq2seq", "", inputs, {{"teacher_forcing", "1"}});
  const Flow batch{torch::randint(1, 300, {2, 12}, torch::kInt64),
                   torch::randint(1, 200, {2, 9}, torch::kInt64)};
  REQUIRE(model->flops_per_sample() == Approx(3 * measured_forward_flops(*model, batch) / 2).epsilon(1e-9));
}
