#include "models/registry.hpp"

#include "base/error.hpp"
#include "models/helpers.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::string message(const RunConfig::Model& model, const ModelInputs& inputs) {
  try {
    make_model(model, inputs, 1);
  } catch (const Error& error) {
    REQUIRE(error.code() == ExitCode::bad_input);
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("An unknown model names the nearest") {
  const std::string text = message(choose("tranformer"), kNews);
  CAPTURE(text);
  REQUIRE(contains(text, "unknown model 'tranformer'; did you mean 'transformer'?"));
}

TEST_CASE("The check before the data is read names the place of model and preset too") {
  const auto text = [](const std::string& name, const std::string& preset) -> std::string {
    RunConfig config;
    config.model = choose(name, preset);
    config.given = {{"model.name", {"configs/x.yaml", 2}}, {"model.preset", {"configs/x.yaml", 3}}};
    try {
      check_model(config);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  REQUIRE(
      contains(text("cn", ""), "configs/x.yaml:2: 'model.name': unknown model 'cn'; did you mean 'cnn'?"));
  REQUIRE(
      contains(text("cnn", "mnst"), "configs/x.yaml:3: 'model.preset': model 'cnn' has no preset 'mnst'"));
  REQUIRE(text("cnn", "cifar10") == "no error");
}

TEST_CASE("An unknown hyper-parameter names file, line and the nearest key") {
  REQUIRE(message(choose("mlp", "", {{"hiden", "[10]"}}), kMnist) ==
          "configs/x.yaml:5: unknown key 'model.hiden'; did you mean 'model.hidden'?");
}

TEST_CASE("A hyper-parameter of the wrong type or out of range is refused with its place") {
  const auto text = [](const std::string& key, const std::string& value) {
    return message(choose("transformer", "", {{"layers", "1"}, {key, value}}), kNews);
  };
  const std::string place = "configs/x.yaml:6: 'model.";
  for (const auto& [key, value] : Given{{"heads", "four"},
                                        {"heads", "4.5"},
                                        {"heads", "0"},
                                        {"dropout", "1"},
                                        {"dropout", "-0.1"},
                                        {"dropout", "nan"},
                                        {"pooling", "max"},
                                        {"embedding", ""}}) {
    CAPTURE(key, value);
    REQUIRE(contains(text(key, value), place + key + "' of model 'transformer' must be "));
  }
  REQUIRE(contains(text("pooling", "max"), "one of mean, cls; it is 'max'"));
  REQUIRE(contains(message(choose("mlp", "", {{"hidden", "[10, 0]"}}), kMnist),
                   "a list of at most 1024 whole numbers, each from 1 to 999999999"));
  REQUIRE(contains(message(choose("cnn", "", {{"pool", "2"}}), kMnist), "must be true or false"));
}

TEST_CASE("Values that do not fit each other are refused") {
  const std::string heads = message(choose("transformer", "", {{"heads", "3"}}), kNews);
  REQUIRE(heads ==
          "configs/x.yaml:5: 'model.heads': 3 heads do not divide an embedding of 128; take a divisor");
  const std::string pixels = message(choose("cnn", "cifar10", {{"channels", "[4, 4, 4, 4, 4, 4]"}}), kCifar);
  REQUIRE(contains(pixels,
                   "configs/x.yaml:5: 'model.channels': no pixel is left of a 32 x 32 image after block 6"));
}

TEST_CASE("Presets") {
  REQUIRE(contains(message(choose("cnn", "cifar"), kCifar), "did you mean 'cifar10'?"));
  REQUIRE(contains(message(choose("mlp", "big"), kMnist), "has no presets"));
  REQUIRE(resolved_preset(choose("cnn")) == "mnist");
  REQUIRE(resolved_preset(choose("mlp")).empty());
}

TEST_CASE("A model refuses data of another kind, naming both") {
  const std::string text = message(choose("mlp"), kNews);
  CAPTURE(text);
  REQUIRE(contains(text, "model.name"));
  REQUIRE(contains(text, "data.name"));
  REQUIRE(contains(text, "(128)"));
  REQUIRE(contains(message(choose("transformer"), kMnist), "(1, 28, 28)"));
}

TEST_CASE("The resolved hyper-parameters hold every key, normalised") {
  const auto settings = resolved_hyper_parameters(choose("mlp", "", {{"hidden", " [ 7,8 ] "}}));
  REQUIRE(settings.size() == 1);
  REQUIRE(settings[0].key == "hidden");
  REQUIRE(settings[0].value == "[7, 8]");
  const auto large = resolved_hyper_parameters(choose("transformer", "large", {{"dropout", "0.25"}}));
  std::string all;
  for (const Setting& setting : large) all += setting.key + "=" + setting.value + " ";
  REQUIRE(all == "embedding=256 heads=8 layers=4 feed_forward=1024 dropout=0.25 pooling=mean ");
}

TEST_CASE("Every model documents every key, with a default for each preset") {
  REQUIRE(model_keys().size() == model_names().size());
  for (const ModelKeys& model : model_keys()) {
    for (const ModelKey& key : model.keys) {
      CAPTURE(model.name, key.key);
      REQUIRE_FALSE(key.doc.empty());
      REQUIRE((key.defaults.size() == 1 || key.defaults.size() == model.presets.size()));
    }
  }
}
