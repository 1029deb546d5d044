// A sharded optimizer, with all gradients or its part of them alone, takes the steps of a whole one, bit by bit.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reference.hpp"
#include "train/setup.hpp"
#include "train/strategy.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr Sharding kShardings[] = {Sharding::optimizer, Sharding::gradients};

RunConfig sharded(RunConfig config, Sharding shard) {
  config.parallel.shard = shard;
  return config;
}

RunConfig whole(RunConfig config) {
  config.parallel.shard = Sharding::none;
  return config;
}

State train_on_all(const RunConfig& config) { return state_of(*train(config, Mode::data_parallel, world())); }

// Every kind of update, with what a step adds to it.
std::vector<RunConfig::Optimizer> optimizers() {
  return {{.name = OptimizerKind::sgd, .lr = 0.01},
          {.name = OptimizerKind::sgd, .lr = 0.01, .weight_decay = 1e-3, .momentum = 0.9, .nesterov = true},
          {.name = OptimizerKind::adam, .lr = 1e-3, .weight_decay = 1e-3},
          {.name = OptimizerKind::adamw, .lr = 1e-3, .weight_decay = 1e-2}};
}

// Of a few small steps.
RunConfig short_run(const std::string& model) {
  RunConfig config = configure(case_of(model));
  config.training.steps = 12;
  return config;
}

// The largest difference from an optimizer that is whole, over all ranks.
double difference(const RunConfig& config) {
  const State expected = train_on_all(whole(config));
  double most = 0;
  for (const Sharding shard : kShardings) {
    const double found = largest_difference(expected, train_on_all(sharded(config, shard)));
    INFO("shard " << static_cast<int>(shard) << ": " << found);
    CHECK(std::isfinite(found));
    most = std::max(most, found);
  }
  return largest_of_ranks(most);
}

}  // namespace

TEST_CASE("sharded steps are those of a whole optimizer, bit by bit") {
  // gpt ties its weights, vgg11 has batch norm.
  for (const std::string model : {"mlp", "gpt", "vgg11"})
    for (const RunConfig::Optimizer& optimizer : optimizers()) {
      RunConfig config = short_run(model);
      config.training.optimizer = optimizer;
      CAPTURE(model, static_cast<int>(optimizer.name));
      CHECK(difference(config) == 0);
    }
}

TEST_CASE(
    "clipping, accumulation, bf16, small buckets and a batch that does not divide change no bit of it") {
  RunConfig config = short_run("mlp");
  config.training.optimizer = {.name = OptimizerKind::adamw, .lr = 1e-3};
  config.training.grad_clip = 0.05;  // less than any norm here
  config.data.samples = 111;
  config.data.validation = 0.1;
  CHECK(difference(config) == 0);
  config.training.global_batch = 24;
  config.training.accumulate = 2;
  CHECK(difference(config) == 0);
  config.parallel.bucket_mb = config.parallel.first_bucket_mb = 1e-4;  // some too small for every rank
  CHECK(difference(config) == 0);
  config.parallel.overlap = Overlap::after;
  config.parallel.reduce_dtype = ReduceDtype::bf16;
  CHECK(difference(config) == 0);
  RunConfig rounded = short_run("transformer");
  rounded.training.precision = Precision::bf16;
  CHECK(difference(rounded) == 0);
}

TEST_CASE("sharded training equals sequential training") {
  for (const std::string model : {"mlp", "gpt", "vgg11"}) {
    RunConfig config = configure(case_of(model));
    const Reference reference(config);
    for (const Sharding shard : kShardings)
      check_equal(fmt::format("{}, shard {}", model, static_cast<int>(shard)), reference,
                  train_on_all(sharded(config, shard)));
  }
}

TEST_CASE("a rank keeps its part of the gradients, and two buckets on their way") {
  RunConfig config = sharded(short_run("mlp"), Sharding::gradients);
  config.parallel.bucket_mb = config.parallel.first_bucket_mb = 1e-4;
  const Setup setup = make_setup(on_cpu(config), Mode::data_parallel, world());
  const auto strategy = make_replicated_strategy(setup.model, *setup.communicator, setup.config, nullptr);
  const std::int64_t all = setup.model->parameter_count() * static_cast<std::int64_t>(sizeof(float));
  const BucketPlan& plan = strategy->buckets().plan();
  REQUIRE(plan.buckets.size() > 3);
  std::int64_t largest = 0;
  for (const BucketPlan::Bucket& bucket : plan.buckets)
    largest = std::max(largest, bucket.elements * static_cast<std::int64_t>(sizeof(float)));
  // Parts and buckets end with cache lines.
  const std::int64_t lines = 64 * static_cast<std::int64_t>(plan.buckets.size() + 2) * world().size();
  CHECK(strategy->gradient_bytes() >= all / world().size());
  CHECK(strategy->gradient_bytes() <= all / world().size() + 2 * largest + lines);
  for (const torch::Tensor& parameter : setup.model->parameters()) CHECK_FALSE(parameter.grad().defined());
}

TEST_CASE("an embedding's gradient is scattered like any other") {
  RunConfig config = configure(case_of("nbow"));
  config.training.steps = 20;
  config.parallel.sparse_gradients = SparseGradients::off;
  CHECK(difference(config) == 0);
  config.parallel.sparse_gradients = SparseGradients::automatic;
  const State expected = train_on_all(sharded(config, Sharding::none));
  CHECK(largest_of_ranks(largest_difference(expected, train_on_all(sharded(config, Sharding::gradients)))) <=
        kTolerance);
}
