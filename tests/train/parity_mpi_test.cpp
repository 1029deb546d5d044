// Correctness gates the numbers: parameters after 50 SGD steps on N ranks equal those of sequential training.
#include <mpi.h>

#include "comm/mpi_communicator.hpp"
#include "comm/self_communicator.hpp"
#include "data/loader.hpp"
#include "data/work_audit.hpp"
#include "models/registry.hpp"
#include "support/catch.hpp"
#include "train/flat_optimizer.hpp"
#include "train/strategy.hpp"
#include "train/training_step.hpp"

using namespace lockstep;

namespace {

constexpr std::int64_t kSteps = 50;
constexpr double kTolerance = 1e-5;

struct Case {
  std::string model, preset;
  bool text;
  std::vector<std::int64_t> shape;
};
const Case kCases[] = {
    {"mlp", "", false, {1, 28, 28}},
    {"cnn", "mnist", false, {1, 28, 28}},
    {"cnn", "cifar10", false, {3, 32, 32}},
    {"transformer", "small", true, {}},
};

RunConfig configure(const Case& c, double dropout) {
  RunConfig config;
  config.model.name = c.model;
  config.model.preset = c.preset;
  if (c.text) {
    config.model.hyper.push_back({"dropout", std::to_string(dropout), {}});
    config.data.vocabulary = 200;
    config.data.max_length = 16;
  }
  config.data.name = c.text ? "synthetic_text" : "synthetic_images";
  if (!c.shape.empty()) config.data.shape = c.shape;
  config.data.classes = 4;
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
  const auto model =
      make_model(config.model, {info.sample_shape, info.vocabulary, info.classes}, config.run.seed);
  model->train();
  const BatchPlan plan{.dataset_size = data.train->size(),
                       .global_batch = *config.training.global_batch,
                       .accumulate = config.training.accumulate,
                       .ranks = communicator.size(),
                       .seed = config.run.seed};
  const auto strategy = make_replicated_strategy("test", model, communicator, config, nullptr);
  FlatOptimizer optimizer(config.training.optimizer, strategy->buckets());
  StepRecorder recorder(steady_now(), TrainingStep::phases(plan.accumulate));
  WorkAudit audit(plan.dataset_size);
  TrainingStep step(config, torch::kCPU, *strategy, optimizer, recorder, audit);
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
  for (const Case& c : kCases) {
    RunConfig config = configure(c, 0);
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
  RunConfig config = configure(kCases[0], 0);
  const auto expected = train_alone(config);
  for (const double mb : {1e-4, 0.1, 100.0}) {
    CAPTURE(mb);
    config.parallel.bucket_mb = config.parallel.first_bucket_mb = mb;
    CHECK(largest_difference(expected, train(config, *communicator)) < kTolerance);
  }
}

TEST_CASE("accumulation equals one large batch") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  for (const std::size_t index : {0, 1, 3}) {
    RunConfig config = configure(kCases[index], 0);
    const auto expected = train_alone(config);
    config.training.accumulate = 3;
    CAPTURE(kCases[index].model);
    CHECK(largest_difference(expected, train(config, *communicator)) < kTolerance);
  }
}

TEST_CASE("a last batch that does not divide, and clipping, momentum and decay, change nothing") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  RunConfig config = configure(kCases[0], 0);
  config.data.samples = 111;
  config.data.validation = 0.1;
  config.training.grad_clip = 0.5;
  config.training.optimizer.momentum = 0.9;
  config.training.optimizer.weight_decay = 1e-3;
  config.training.optimizer.lr = 0.01;
  CHECK(largest_difference(train_alone(config), train(config, *communicator)) < kTolerance);
}

TEST_CASE("with dropout on, N ranks still equal one") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  const RunConfig config = configure(kCases[3], 0.1);
  CHECK(largest_difference(train_alone(config), train(config, *communicator)) < kTolerance);
}

TEST_CASE("the same seed gives the same bits, another seed another run") {
  const auto communicator = make_mpi_communicator(MPI_COMM_WORLD);
  RunConfig config = configure(kCases[0], 0);
  const auto first = train(config, *communicator);
  CHECK(largest_difference(first, train(config, *communicator)) == 0);
  config.run.seed = 43;
  CHECK(largest_difference(first, train(config, *communicator)) > 1e-3);
}
