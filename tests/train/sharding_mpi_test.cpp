// A sharded optimizer takes the steps of a whole one, bit by bit, keeps its share of the state alone, and leaves
// the checkpoints that a whole one leaves.
#include <fmt/format.h>

#include <filesystem>
#include <numeric>
#include <set>

#include "base/error.hpp"
#include "reference.hpp"
#include "support/temporary_folder.hpp"
#include "train/checkpoint.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

RunConfig sharded(RunConfig config) {
  config.parallel.shard = Sharding::optimizer;
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

// The difference from an optimizer that is whole, over all ranks.
double difference(const RunConfig& config) {
  return largest_of_ranks(largest_difference(train_on_all(whole(config)), train_on_all(sharded(config))));
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
    check_equal(model + ", sharded", reference, train_on_all(sharded(config)));
  }
}
