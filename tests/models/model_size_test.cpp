#include "models/model_size.hpp"

#include <sys/resource.h>

#include <cmath>

#include "base/error.hpp"
#include "models/helpers.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

const ModelInputs kPairs{{12}, 60, 0, SampleKind::pairs, 12, 70}, kTokens{{32}, 256, 0, SampleKind::tokens};

const std::vector<std::pair<std::string, ModelInputs>> kSmall = {
    {"mlp", kMnist}, {"cnn", kMnist}, {"conv_autoencoder", kMnist}, {"nbow", kNews},  {"text_cnn", kNews},
    {"lstm", kNews}, {"gru", kNews},  {"transformer", kNews},       {"gpt", kTokens}, {"seq2seq", kPairs}};

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

TEST_CASE("A model's size is known without its memory") {
  for (const auto& [name, inputs] : kSmall) {
    CAPTURE(name);
    const auto model = make_model(choose(name), inputs, 1);
    double bytes = 0;
    for (const torch::Tensor& t : model->parameters()) bytes += static_cast<double>(t.nbytes());
    for (const torch::Tensor& t : model->buffers()) bytes += static_cast<double>(t.nbytes());
    const ModelSize size = model_size(choose(name), inputs);
    CHECK(size.parameters == static_cast<double>(model->parameter_count()));
    CHECK(size.value_bytes == bytes);
  }
}

TEST_CASE("What is built afterwards has memory again, and the same weights") {
  const auto weights = [] { return make_model(choose("mlp"), kMnist, 7)->parameters()[0]; };
  const torch::Tensor before = weights();
  model_size(choose("mlp"), kMnist);
  CHECK(weights().is_cpu());
  CHECK(torch::equal(weights(), before));
}

TEST_CASE("Models that no machine holds are measured in a moment") {
  const long before = peak_kib();
  CHECK(model_size(choose("mlp", "", {{"hidden", "[999999999, 999999999]"}}), kMnist).parameters > 9e17);
  CHECK(model_size(choose("transformer", "", {{"embedding", "1000000"}, {"layers", "1024"}}), kNews)
            .value_bytes > 1e16);
  // One tensor alone of more than 2^63 bytes.
  ModelInputs wide = kMnist;
  wide.sample_shape = {65536, 65536, 65536};
  CHECK(std::isinf(model_size(choose("mlp", "", {{"hidden", "[999999999]"}}), wide).value_bytes));
  CHECK(peak_kib() - before < 200 << 10);
}

TEST_CASE("A model that is refused is refused here too") {
  CHECK_THROWS_AS(model_size(choose("transformer", "", {{"heads", "3"}}), kNews), Error);
  CHECK_THROWS_AS(model_size(choose("transformer", "", {{"layers", "1000000"}}), kNews), Error);
}
