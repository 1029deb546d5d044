// What holds for every model of the registry.
#include "models/helpers.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

struct Case {
  std::string name, preset;
  ModelInputs inputs;
  std::int64_t parameters;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{{"mlp", "", kMnist, 222'360},
                                     {"cnn", "mnist", kMnist, 2'770'634},
                                     {"cnn", "cifar10", kCifar, 1'147'914},
                                     {"vgg11", "", kCifar, 128'812'810},
                                     {"nbow", "", kReviews, 6'491'102},
                                     {"text_cnn", "", kReviews, 6'941'402},
                                     {"lstm", "", kReviews, 10'101'302},
                                     {"lstm", "", kNews, 9'612'004},
                                     {"gru", "", kReviews, 9'198'902},
                                     {"gru", "", kNews, 8'709'604},
                                     {"transformer", "small", kNews, 2'825'476},
                                     {"transformer", "large", kLongNews, 8'280'068}};
  return all;
}

// Small enough to train in a test.
const std::vector<std::pair<Case, Given>>& toys() {
  static const std::vector<std::pair<Case, Given>> all{
      {{"mlp", "", {{1, 6, 6}, 0, 3}, 0}, {{"hidden", "[16, 8]"}}},
      {{"cnn", "mnist", {{1, 8, 8}, 0, 3}, 0}, {{"channels", "[4]"}, {"hidden", "[8]"}}},
      {{"cnn", "cifar10", {{3, 8, 8}, 0, 3}, 0}, {{"channels", "[4, 8]"}, {"hidden", "[8]"}}},
      {{"vgg11", "", {{3, 8, 8}, 0, 3}, 0},
       {{"channels", "[4, 8]"},
        {"pool_after", "[1, 2]"},
        {"pooled", "2"},
        {"hidden", "[8]"},
        {"dropout", "0"}}},
      {{"nbow", "", {{12}, 50, 3}, 0}, {{"embedding", "64"}}},
      {{"lstm", "", {{12}, 50, 3}, 0}, {{"embedding", "64"}, {"hidden", "48"}, {"dropout", "0"}}},
      {{"gru", "", {{12}, 50, 3}, 0}, {{"embedding", "64"}, {"hidden", "48"}, {"dropout", "0"}}},
      {{"transformer", "small", {{12}, 50, 3}, 0},
       {{"embedding", "16"}, {"heads", "2"}, {"feed_forward", "24"}}},
      {{"transformer", "small", {{12}, 50, 3}, 0},
       {{"embedding", "16"}, {"heads", "2"}, {"feed_forward", "24"}, {"pooling", "cls"}}}};
  return all;
}

std::shared_ptr<Model> make_toy(const std::pair<Case, Given>& toy, std::uint64_t seed = 42) {
  return make(toy.first.name, toy.first.preset, toy.first.inputs, toy.second, seed);
}

torch::Tensor all_parameters(const Model& model) {
  std::vector<torch::Tensor> flat;
  for (const torch::Tensor& parameter : model.parameters()) flat.push_back(parameter.detach().flatten());
  return torch::cat(flat);
}

}  // namespace

TEST_CASE("Parameter counts and shapes of the presets") {
  for (const Case& c : cases()) {
    CAPTURE(c.name, c.preset);
    const auto model = make(c.name, c.preset, c.inputs);
    REQUIRE(model->parameter_count() == c.parameters);
    model->eval();
    const torch::NoGradGuard no_grad;
    const torch::Tensor logits = model->forward(random_batch(c.inputs, 3));
    REQUIRE(logits.sizes() == at::IntArrayRef({3, c.inputs.classes}));
    REQUIRE(logits.isfinite().all().item<bool>());
  }
}

TEST_CASE("Initial weights follow from the seed alone") {
  for (const auto& toy : toys()) {
    CAPTURE(toy.first.name, toy.first.preset);
    const torch::Tensor first = all_parameters(*make_toy(toy, 7));
    torch::rand({5});  // the generator's state before does not matter
    REQUIRE(torch::equal(first, all_parameters(*make_toy(toy, 7))));
    REQUIRE_FALSE(torch::equal(first, all_parameters(*make_toy(toy, 8))));
  }
}

TEST_CASE("The layers one by one are the model") {
  for (const auto& toy : toys()) {
    CAPTURE(toy.first.name, toy.first.preset);
    const auto model = make_toy(toy);
    model->eval();
    const torch::Tensor batch = random_batch(toy.first.inputs, 4);
    std::vector<torch::Tensor> boundary{batch};
    for (const Model::Entry& entry : model->layers()) {
      // What another process would get: the values, without their history.
      for (torch::Tensor& tensor : boundary) tensor = tensor.detach().clone();
      boundary = entry.layer->forward(boundary);
      REQUIRE(entry.layer->forward_flops() >= 0);
    }
    REQUIRE(torch::equal(boundary[0], model->forward(batch)));
  }
}

TEST_CASE("A parameter belongs to exactly one layer, in order") {
  for (const auto& toy : toys()) {
    const auto model = make_toy(toy);
    std::vector<torch::Tensor> by_layer;
    for (const Model::Entry& entry : model->layers()) {
      for (const torch::Tensor& parameter : entry.layer->parameters()) by_layer.push_back(parameter);
    }
    const auto all = model->parameters();
    REQUIRE(by_layer.size() == all.size());
    for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(by_layer[i].is_same(all[i]));
  }
}

TEST_CASE("Every model learns a small batch by heart") {
  for (const auto& toy : toys()) {
    CAPTURE(toy.first.name, toy.first.preset);
    const auto model = make_toy(toy);
    const torch::Tensor batch = random_batch(toy.first.inputs, 12);
    const torch::Tensor targets = torch::arange(12).remainder(3);
    double loss = 0;
    for (int step = 0; step < 150; ++step) {
      model->dropout_context().step = step;
      const torch::Tensor output = at::cross_entropy_loss(model->forward(batch), targets);
      loss = output.item<double>();
      model->zero_grad();
      output.backward();
      const torch::NoGradGuard no_grad;
      for (torch::Tensor& parameter : model->parameters()) parameter.sub_(parameter.grad(), 0.1);
    }
    CAPTURE(loss);
    REQUIRE(loss < 0.3);
  }
}

namespace {

// Leaves one behind for the layer after it to add.
struct Pending : Layer {
  Flow forward(Flow inputs) override {
    const torch::Tensor x = inputs.size() > 1 ? inputs[0] + inputs[1] : inputs[0];
    return {x, torch::ones_like(x)};
  }
  double forward_flops() const override { return 0; }
  Flow settled(Flow outputs) override { return {outputs[0] + outputs[1]}; }
};

}  // namespace

TEST_CASE("What a layer leaves to the one behind it is finished where a model or a part of it ends") {
  Model whole("whole");
  for (const char* name : {"a", "b", "c"}) whole.append(name, std::make_shared<Pending>());
  REQUIRE(torch::equal(whole.forward(torch::zeros({2})), torch::full({2}, 3.0F)));
  const Flow once = Model("part", std::span(whole.layers()).first(1), whole.shared_dropout_context())
                        .flow({torch::zeros({2})});
  REQUIRE(once.size() == 1);
  REQUIRE(torch::equal(once[0], torch::ones({2})));
}
