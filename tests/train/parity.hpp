// What the tests of parity share: small configurations of every model, and how they are trained.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "models/registry.hpp"
#include "support/catch.hpp"
#include "support/test_backend.hpp"
#include "train/setup.hpp"
#include "train/trainer.hpp"

namespace lockstep::test {

inline constexpr std::int64_t kSteps = 50;

struct Case {
  std::string model, preset, data;
  std::vector<Setting> hyper;       // small: each ReLU and each pooled window may turn on a rounded bit
  std::vector<std::int64_t> shape;  // of images
  double lr = 0.05;                 // at which rounding does not grow: reference.hpp
};

inline std::string name_of(const Case& c) { return c.model + (c.preset.empty() ? "" : " " + c.preset); }

inline Setting hyper(const std::string& key, const std::string& value) { return {key, value, {}}; }

inline const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"mlp", "", "synthetic_images", {}, {1, 28, 28}},
      {"cnn", "mnist", "synthetic_images", {hyper("hidden", "[32]")}, {1, 12, 12}, 0.01},
      {"cnn",
       "cifar10",
       "synthetic_images",
       {hyper("channels", "[4, 8, 8]"), hyper("hidden", "[16]")},
       {3, 8, 8},
       0.02},
      {"vgg11",
       "",
       "synthetic_images",
       {hyper("dropout", "0"), hyper("channels", "[4, 8, 8]"), hyper("pool_after", "[1, 3]"),
        hyper("hidden", "[16]"), hyper("pooled", "2")},
       {3, 8, 8},
       0.01},
      {"conv_autoencoder", "", "synthetic_images", {}, {1, 16, 16}},
      {"nbow", "", "synthetic_text", {hyper("embedding", "16")}, {}},
      {"seq2seq",
       "",
       "synthetic_pairs",
       {hyper("dropout", "0"), hyper("embedding", "16"), hyper("hidden", "16")},
       {}},
      {"gpt",
       "mini",
       "synthetic_tokens",
       {hyper("dropout", "0"), hyper("embedding", "16"), hyper("heads", "2"), hyper("layers", "3"),
        hyper("context", "16")},
       {}},
      {"text_cnn",
       "",
       "synthetic_text",
       {hyper("embedding", "16"), hyper("filters", "8"), hyper("dropout", "0.25")},
       {}},
      {"lstm",
       "",
       "synthetic_text",
       {hyper("embedding", "16"), hyper("hidden", "12"), hyper("bidirectional", "false")},
       {}},
      {"gru", "", "synthetic_text", {hyper("embedding", "16"), hyper("hidden", "12")}, {}},
      {"transformer",
       "small",
       "synthetic_text",
       {hyper("dropout", "0"), hyper("embedding", "32"), hyper("feed_forward", "64")},
       {},
       0.01},
      {"transformer",
       "large",
       "synthetic_text",
       {hyper("dropout", "0"), hyper("pooling", "cls"), hyper("layers", "2"), hyper("embedding", "32"),
        hyper("feed_forward", "64")},
       {},
       0.005},
  };
  return all;
}

inline const Case& case_of(const std::string& model) {
  const auto found =
      std::find_if(cases().begin(), cases().end(), [&](const Case& c) { return c.model == model; });
  return *found;
}

inline RunConfig configure(const Case& c) {
  RunConfig config;
  config.model.name = c.model;
  config.model.preset = c.preset;
  config.model.hyper = c.hyper;
  config.data.name = c.data;
  if (c.data == "synthetic_images") config.data.shape = c.shape;
  if (c.data != "synthetic_images") config.data.vocabulary = 200, config.data.max_length = 16;
  if (c.data == "synthetic_images" || c.data == "synthetic_text") config.data.classes = 4;
  config.data.normalise = c.model != "conv_autoencoder";  // it gives pixels back, in [0, 1]
  config.data.samples = 300;
  config.data.test_samples = 10;
  config.training.global_batch = 12;
  config.training.steps = kSteps;
  config.training.optimizer.name = OptimizerKind::sgd;
  config.training.optimizer.lr = c.lr;
  config.parallel.sync_batchnorm = true;
  return config;
}

inline std::shared_ptr<Model> make_untrained(const RunConfig& config, const DataSplits& data) {
  return make_model(config.model, model_inputs(data.train->info()), config.run.seed);
}

// By the Trainer that the programs run; the run must be valid. Collective.
inline void train(Setup& setup, World& world) {
  Trainer trainer(setup, world, steady_now(), "of a test");
  const TrainingResult result = trainer.run();
  CHECK(result.invalid_reasons == std::vector<std::string>{});
}

inline RunConfig on_cpu(RunConfig config) {
  config.parallel.device = DeviceKind::cpu;
  config.parallel.threads = 1;
  if (config.parallel.backend == BackendKind::automatic) config.parallel.backend = backend_key();
  return config;
}

// This rank's part of the model, trained in this mode (Mode::layerwise: split) as a program trains it; to be
// looked at only, for its communicators are gone. before: what is done to the untrained one. Collective.
inline std::shared_ptr<Model> train(const RunConfig& config, Mode mode, World& world,
                                    const std::function<void(Model&)>& before = {}) {
  Setup setup = make_setup(on_cpu(config), mode, world);
  if (before) before(*setup.model);
  train(setup, world);
  return setup.model;
}

}  // namespace lockstep::test
