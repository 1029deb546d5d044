// Correctness gates the numbers: parameters after 50 SGD steps on N ranks equal those of sequential training.
#include <mpi.h>

#include <algorithm>

#include "comm/mpi_communicator.hpp"
#include "comm/self_communicator.hpp"
#include "data/loader.hpp"
#include "data/work_audit.hpp"
#include "models/registry.hpp"
#include "support/catch.hpp"
#include "train/flat_optimizer.hpp"
#include "train/setup.hpp"
#include "train/strategy.hpp"
#include "train/training_step.hpp"

using namespace lockstep;

namespace {

constexpr std::int64_t kSteps = 50;
constexpr double kTolerance = 1e-5;

struct Case {
  std::string model, preset, data;
  std::vector<Setting> hyper;       // small enough for a test
  std::vector<std::int64_t> shape;  // of images
};

Setting hyper(const std::string& key, const std::string& value) { return {key, value, {}}; }

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"mlp", "", "synthetic_images", {}, {1, 28, 28}},
      {"cnn", "mnist", "synthetic_images", {}, {1, 28, 28}},
      {"cnn", "cifar10", "synthetic_images", {}, {3, 32, 32}},
      {"vgg11",
       "",
       "synthetic_images",
       {hyper("dropout", "0"), hyper("channels", "[8, 16, 16]"), hyper("pool_after", "[1, 3]"),
        hyper("hidden", "[32]"), hyper("pooled", "2")},
       {3, 16, 16}},
      {"conv_autoencoder", "", "synthetic_images", {}, {1, 16, 16}},
      {"lstm",
       "",
       "synthetic_text",
       {hyper("embedding", "16"), hyper("hidden", "12"), hyper("bidirectional", "false")},
       {}},
      {"gru", "", "synthetic_text", {hyper("embedding", "16"), hyper("hidden", "12")}, {}},
      {"transformer", "small", "synthetic_text", {hyper("dropout", "0")}, {}},
      {"transformer",
       "large",
       "synthetic_text",
       {hyper("dropout", "0"), hyper("pooling", "cls"), hyper("layers", "2")},
       {}},
  };
  return all;
}

const Case& case_of(const std::string& model) {
  const auto found =
      std::find_if(cases().begin(), cases().end(), [&](const Case& c) { return c.model == model; });
  return *found;
}

RunConfig configure(const Case& c) {
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
  config.training.optimizer.lr = 0.05;
  config.parallel.sync_batchnorm = true;
  return config;
}

// Parameters by name after kSteps steps on this communicator.
std::vector<torch::Tensor> train(const RunConfig& config, Communicator& communicator) {
  const DataSplits data = load_data(config, 1);
  const DatasetInfo& info = data.train->info();
  const auto model = make_model(config.model, model_inputs(info), config.run.seed);
  const auto task = make_task(model_task(config.model), info);
  model->train();
  const BatchPlan plan{
      .dataset_size = data.train->size(),
      .global_batch = *config.training.global_batch,
      .accumulate = config.training.accumulate,
      .ranks = communicator.size(),
      .seed = config.run.seed,
      .lengths = config.data.batching == Batching::length ? data.train->batching_lengths() : nullptr};
  const auto strategy = make_replicated_strategy("test", model, communicator, config, nullptr);
  FlatOptimizer optimizer(config.training.optimizer, strategy->buckets());
  StepRecorder recorder(steady_now(), TrainingStep::phases(plan.accumulate));
  WorkAudit audit(plan.dataset_size);
  TrainingStep step(config, torch::kCPU, *strategy, *task, optimizer, recorder, audit);
  Loader loader(data.train, plan, communicator.rank(), 1, 2, false);
  for (std::int64_t done = 0, epoch = 0; done < kSteps; ++epoch) {
    const std::int64_t steps = std::min(plan.steps_per_epoch(), kSteps - done);
    loader.begin_epoch(epoch);
    step.begin_epoch(steps);
    recorder.begin_epoch(steps);
    for (std::int64_t s = 0; s < steps; ++s, ++done) {
      step.run(loader, s, done, config.training.optimizer.lr);
      const BucketPlan before = strategy->buckets().plan();
      if (done == 0 && strategy->rebuild_buckets()) optimizer.relayout(before);
    }
  }
  return model->parameters();
}

double largest_difference(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, (a[i] - b[i]).abs().max().item<double>());
  return largest;
}

std::vector<torch::Tensor> train_alone(const RunConfig& config) {
  const auto self = make_self_communicator();
  return train(config, *self);
}

}  // namespace

TEST_CASE("every model, with and without overlap, equals sequential training") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  for (const Case& c : cases()) {
    RunConfig config = configure(c);
    const auto expected = train_alone(config);
    for (const bool overlap : {true, false}) {
      CAPTURE(c.model, c.preset, overlap);
      config.parallel.overlap = overlap;
      CHECK(largest_difference(expected, train(config, *communicator)) < kTolerance);
    }
  }
}

TEST_CASE("bucket sizes do not matter") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  RunConfig config = configure(case_of("mlp"));
  const auto expected = train_alone(config);
  for (const double mb : {1e-4, 0.1, 100.0}) {
    CAPTURE(mb);
    config.parallel.bucket_mb = config.parallel.first_bucket_mb = mb;
    CHECK(largest_difference(expected, train(config, *communicator)) < kTolerance);
  }
}

TEST_CASE("accumulation equals one large batch") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  for (const std::string model : {"mlp", "cnn", "transformer"}) {
    RunConfig config = configure(case_of(model));
    const auto expected = train_alone(config);
    config.training.accumulate = 3;
    CAPTURE(model);
    CHECK(largest_difference(expected, train(config, *communicator)) < kTolerance);
  }
}

TEST_CASE("a last batch that does not divide, and clipping, momentum and decay, change nothing") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  RunConfig config = configure(case_of("mlp"));
  config.data.samples = 111;
  config.data.validation = 0.1;
  config.training.grad_clip = 0.5;
  config.training.optimizer.momentum = 0.9;
  config.training.optimizer.weight_decay = 1e-3;
  config.training.optimizer.lr = 0.01;
  CHECK(largest_difference(train_alone(config), train(config, *communicator)) < kTolerance);
}

TEST_CASE("with dropout on, and batches of similar length, N ranks still equal one") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  for (const std::string model : {"transformer"}) {
    CAPTURE(model);
    RunConfig config = configure(case_of(model));
    config.model.hyper = {hyper("dropout", "0.1")};
    config.data.batching = Batching::length;
    CHECK(largest_difference(train_alone(config), train(config, *communicator)) < kTolerance);
  }
}

TEST_CASE("the same seed gives the same bits, another seed another run") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  RunConfig config = configure(case_of("mlp"));
  const auto first = train(config, *communicator);
  CHECK(largest_difference(first, train(config, *communicator)) == 0);
  config.run.seed = 43;
  CHECK(largest_difference(first, train(config, *communicator)) > 1e-3);
}
