// lstm and gru against LibTorch's own over packed sequences.
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include "models/helpers.hpp"
#include "nn/embedding.hpp"
#include "nn/text.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr std::int64_t kVocabulary = 80, kHidden = 20;

struct Variant {
  std::string name;
  bool bidirectional;
  std::string layers;
  std::int64_t longest;
};

std::shared_ptr<Model> make_variant(const Variant& v) {
  return make(v.name, "", {{v.longest}, kVocabulary, 3},
              {{"embedding", "24"},
               {"hidden", std::to_string(kHidden)},
               {"layers", v.layers},
               {"bidirectional", v.bidirectional ? "true" : "false"},
               {"dropout", "0"}});
}

// The packed layout of pack_padded_sequence, built plainly.
struct Packed {
  torch::Tensor data, batch_sizes, order;
};

Packed pack_plainly(const torch::Tensor& x, const torch::Tensor& lengths) {
  const torch::Tensor order = lengths.argsort(/*stable=*/true, 0, /*descending=*/true);
  std::vector<torch::Tensor> rows;
  std::vector<std::int64_t> sizes;
  for (std::int64_t t = 0; t < lengths.max().item<std::int64_t>(); ++t) {
    sizes.push_back(lengths.gt(t).sum().item<std::int64_t>());
    rows.push_back(x.index_select(0, order.narrow(0, 0, sizes.back())).select(1, t));
  }
  return {torch::cat(rows), torch::tensor(sizes), order};
}

// The model's logits by LibTorch's LSTM or GRU over all layers and directions at once.
torch::Tensor plain_logits(const Variant& v, const Model& model, const torch::Tensor& tokens) {
  const auto parameters = model.named_parameters();
  const torch::Tensor x = parameters["embedding.embedding.weight"].index({tokens});
  const Packed packed = pack_plainly(x, document_lengths(tokens));
  const std::int64_t layers = std::stoll(v.layers), directions = v.bidirectional ? 2 : 1;
  std::vector<torch::Tensor> weights;
  for (std::int64_t l = 1; l <= layers; ++l)
    for (const char* direction : {"forward", "reverse"})
      for (const char* part : {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"})
        if (v.bidirectional || direction == std::string("forward"))
          weights.push_back(parameters["rnn" + std::to_string(l) + "." + direction + "." + part]);
  const torch::Tensor start = torch::zeros({layers * directions, tokens.size(0), kHidden});
  torch::Tensor last;
  if (v.name == "lstm")
    last = std::get<1>(at::lstm(packed.data, packed.batch_sizes, {start, start}, weights, true, layers, 0.0,
                                true, v.bidirectional));
  else
    last = std::get<1>(
        at::gru(packed.data, packed.batch_sizes, start, weights, true, layers, 0.0, true, v.bidirectional));
  const torch::Tensor states = last.narrow(0, (layers - 1) * directions, directions);  // (directions, B, H)
  const torch::Tensor features = states.transpose(0, 1).flatten(1).index_select(0, packed.order.argsort());
  return at::linear(features, parameters["head.linear.weight"], parameters["head.linear.bias"]);
}

}  // namespace

TEST_CASE("lstm and gru are LibTorch's over packed documents: logits and every gradient") {
  for (const Variant& v : {Variant{"lstm", true, "2", 30}, Variant{"gru", true, "2", 30},
                           Variant{"lstm", false, "1", 9}, Variant{"gru", false, "3", 9}}) {
    CAPTURE(v.name, v.bidirectional, v.layers);
    const auto model = make_variant(v);
    const torch::Tensor tokens = documents({3, v.longest, 1, 8, 8, v.longest, 2}, v.longest, kVocabulary);
    const torch::Tensor ours = model->forward(tokens), theirs = plain_logits(v, *model, tokens);
    REQUIRE(largest_difference(ours, theirs) < 1e-5);
    const torch::Tensor gradient = torch::randn_like(ours);
    ours.backward(gradient);
    std::vector<torch::Tensor> found;
    for (const torch::Tensor& parameter : model->parameters()) found.push_back(parameter.grad().clone());
    model->zero_grad();
    theirs.backward(gradient);
    for (std::size_t i = 0; const auto& item : model->named_parameters()) {
      CAPTURE(item.key());
      REQUIRE(largest_difference(found[i++], item.value().grad()) < 1e-4);
    }
  }
}

TEST_CASE("Large layers, whose weights are laid out once, are the same") {
  for (const std::string name : {"lstm", "gru"}) {
    CAPTURE(name);
    const auto model = make(name, "", kNews, {{"dropout", "0"}});
    const torch::Tensor tokens = documents({40, 128, 1, 17}, 128, 20000);
    const torch::NoGradGuard no_grad;
    const torch::Tensor single = model->forward(tokens);
    model->to(torch::kFloat64);
    REQUIRE(largest_difference(single, model->forward(tokens)) < 1e-5);
  }
}

TEST_CASE(
    "Initial weights are those that torch::nn::Embedding, LSTM, GRU and Linear draw, one after another") {
  const auto check = [](const std::string& name, const auto& make_theirs) {
    CAPTURE(name);
    const auto ours = make(name, "", kNews, {}, 9)->parameters();
    torch::manual_seed(9);
    std::vector<torch::Tensor> theirs = word_embedding(20000, 300)->parameters();
    for (const torch::Tensor& weight : make_theirs()->parameters()) theirs.push_back(weight);
    for (const torch::Tensor& weight : torch::nn::Linear(600, 4)->parameters()) theirs.push_back(weight);
    REQUIRE(ours.size() == theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) REQUIRE(torch::equal(ours[i], theirs[i]));
  };
  check("lstm",
        [] { return torch::nn::LSTM(torch::nn::LSTMOptions(300, 300).num_layers(2).bidirectional(true)); });
  check("gru",
        [] { return torch::nn::GRU(torch::nn::GRUOptions(300, 300).num_layers(2).bidirectional(true)); });
}

TEST_CASE(
    "Dropout of recurrent models masks a sample alike whatever the padding and the share of the batch") {
  for (const std::string name : {"lstm", "gru"}) {
    CAPTURE(name);
    const auto model = make(name, "", {{24}, kVocabulary, 3}, {{"embedding", "16"}, {"hidden", "12"}});
    const torch::Tensor tokens = documents({24, 3, 9, 1}, 24, kVocabulary);
    model->dropout_context() = {5, 3, 0};
    const torch::Tensor logits = model->forward(tokens);
    REQUIRE(largest_difference(logits, model->forward(torch::constant_pad_nd(tokens, {0, 8}))) < 1e-5);
    model->dropout_context() = {5, 3, 1};
    REQUIRE(largest_difference(logits.narrow(0, 1, 2), model->forward(tokens.narrow(0, 1, 2))) < 1e-5);
    model->dropout_context() = {5, 4, 0};
    REQUIRE(largest_difference(logits, model->forward(tokens)) > 1e-3);
  }
}
