// What holds for every model whose samples are sequences of tokens with a target at each position.
#include "base/special_tokens.hpp"
#include "models/helpers.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;
using torch::Tensor;

namespace {

struct Toy {
  std::string name;
  ModelInputs inputs;
  Given given;
};

const std::vector<Toy>& toys() {
  static const std::vector<Toy> all{
      {"gpt", {{10}, 30, 0, SampleKind::tokens}, {{"embedding", "16"}, {"heads", "2"}, {"layers", "2"}}},
      {"gpt",
       {{10}, 30, 0, SampleKind::tokens},
       {{"embedding", "16"}, {"heads", "2"}, {"layers", "2"}, {"recompute", "true"}}},
      {"seq2seq", {{7}, 30, 0, SampleKind::pairs, 6, 25}, {{"embedding", "10"}, {"hidden", "16"}}}};
  return all;
}

std::shared_ptr<Model> make_toy(const Toy& toy, std::uint64_t seed = 42) {
  return make(toy.name, "", toy.inputs, toy.given, seed);
}

Flow random_flow(const Toy& toy, std::int64_t batch) {
  const Tensor first =
      torch::randint(kEndToken, toy.inputs.vocabulary, {batch, toy.inputs.sample_shape[0]}, torch::kInt64);
  if (toy.inputs.kind == SampleKind::tokens) return {first};
  return {first, torch::randint(kEndToken, toy.inputs.target_vocabulary, {batch, toy.inputs.target_length},
                                torch::kInt64)};
}

Tensor all_parameters(const Model& model) {
  std::vector<Tensor> flat;
  for (const Tensor& parameter : model.parameters()) flat.push_back(parameter.detach().flatten());
  return torch::cat(flat);
}

}  // namespace

TEST_CASE("Sequence models: initial weights follow from the seed alone") {
  for (const Toy& toy : toys()) {
    CAPTURE(toy.name);
    const Tensor first = all_parameters(*make_toy(toy, 7));
    torch::rand({5});
    REQUIRE(torch::equal(first, all_parameters(*make_toy(toy, 7))));
    REQUIRE_FALSE(torch::equal(first, all_parameters(*make_toy(toy, 8))));
  }
}

TEST_CASE("Sequence models: the layers one by one are the model, in training and in evaluation") {
  for (const Toy& toy : toys()) {
    for (const bool training : {false, true}) {
      CAPTURE(toy.name, training);
      const auto model = make_toy(toy);
      model->train(training);
      const Flow in = random_flow(toy, 4);
      Flow boundary = in;
      for (const Model::Entry& entry : model->layers()) {
        for (Tensor& tensor : boundary) tensor = tensor.detach().clone();
        boundary = entry.layer->forward(boundary);
        for (const Tensor& tensor : boundary) REQUIRE(tensor.size(0) == 4);  // batch first
      }
      REQUIRE(torch::equal(boundary[0], model->forward(in)));
    }
  }
}

TEST_CASE("Sequence models: a parameter belongs to exactly one layer, in order") {
  for (const Toy& toy : toys()) {
    const auto model = make_toy(toy);
    std::vector<Tensor> by_layer;
    for (const Model::Entry& entry : model->layers()) {
      for (const Tensor& parameter : entry.layer->parameters()) by_layer.push_back(parameter);
    }
    const auto all = model->parameters();
    REQUIRE(by_layer.size() == all.size());
    for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(by_layer[i].is_same(all[i]));
  }
}

TEST_CASE("Sequence models: every parameter gets a gradient") {
  for (const Toy& toy : toys()) {
    const auto model = make_toy(toy);
    model->forward(random_flow(toy, 6)).pow(2).sum().backward();
    for (const auto& item : model->named_parameters()) {
      CAPTURE(toy.name, item.key());
      REQUIRE(item.value().grad().defined());
      REQUIRE(item.value().grad().abs().max().item<double>() > 0);
    }
  }
}
