// What the tests of parity share: small configurations of every model, and the loop that trains them.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "data/loader.hpp"
#include "data/work_audit.hpp"
#include "models/registry.hpp"
#include "train/flat_optimizer.hpp"
#include "train/setup.hpp"
#include "train/strategy.hpp"
#include "train/training_step.hpp"

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
  config.data.samples = 300;
  config.data.test_samples = 10;
  config.training.global_batch = 12;
  config.training.steps = kSteps;
  config.training.optimizer.name = OptimizerKind::sgd;
  config.training.optimizer.lr = c.lr;
  config.parallel.sync_batchnorm = true;
  return config;
}

// The configured steps by this strategy, on the data of this configuration.
inline void train_steps(const RunConfig& config, const DataSplits& data, Strategy& strategy) {
  const BatchPlan plan{
      .dataset_size = data.train->size(),
      .global_batch = *config.training.global_batch,
      .accumulate = config.training.accumulate,
      .ranks = config.parallel.algorithm == Algorithm::parameter_server ? 1 : strategy.replicas(),
      .seed = config.run.seed,
      .lengths = config.data.batching == Batching::length ? data.train->batching_lengths() : nullptr};
  const auto task = make_task(model_task(config.model), data.train->info());
  FlatOptimizer optimizer(config.training.optimizer, strategy.buckets());
  StepRecorder recorder(steady_now(), TrainingStep::phases(strategy, plan.accumulate));
  WorkAudit audit(plan.dataset_size);
  StepGraphs graphs(/*enabled=*/false, recorder);
  TrainingStep step(config, torch::kCPU, strategy, *task, optimizer, recorder, audit, graphs);
  const auto loader = strategy.loads()
                          ? std::make_unique<Loader>(data.train, plan, strategy.replica(), 1, 2, false)
                          : nullptr;
  const std::int64_t steps_in_all = *config.training.steps;
  for (std::int64_t done = 0, epoch = 0; done < steps_in_all; ++epoch) {
    const std::int64_t steps = std::min(plan.steps_per_epoch(), steps_in_all - done);
    if (loader) loader->begin_epoch(epoch);
    step.begin_epoch(steps);
    recorder.begin_epoch(steps);
    for (std::int64_t s = 0; s < steps; ++s, ++done) {
      step.run(loader.get(), s, done, config.training.optimizer.lr);
      const BucketPlan before = strategy.buckets().plan();
      if (done == 0 && strategy.rebuild_buckets()) optimizer.relayout(before);
    }
  }
}

inline std::shared_ptr<Model> make_untrained(const RunConfig& config, const DataSplits& data) {
  return make_model(config.model, model_inputs(data.train->info()), config.run.seed);
}

// The whole model on every rank of the communicator, trained; in training mode. before: what is done to the
// untrained one.
inline std::shared_ptr<Model> train_replicated(const RunConfig& config, Communicator& communicator,
                                               const std::function<void(Model&)>& before = {}) {
  const DataSplits data = load_data(config, 1);
  const auto model = make_untrained(config, data);
  if (before) before(*model);
  model->train();
  const auto make = config.parallel.algorithm == Algorithm::parameter_server ? make_parameter_server_strategy
                                                                             : make_replicated_strategy;
  const auto strategy = make(model, communicator, config, nullptr);
  train_steps(config, data, *strategy);
  strategy->synchronise();
  return model;
}

}  // namespace lockstep::test
