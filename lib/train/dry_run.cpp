#include "train/dry_run.hpp"

#include <fmt/format.h>

#include "comm/topology.hpp"
#include "config/load_config.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "parallel/schedule_drawing.hpp"

namespace lockstep {

namespace {

constexpr double kMiB = 1024.0 * 1024.0;

std::string describe_ranks(const std::vector<RankEnvironment>& ranks) {
  std::string text;
  for (std::size_t r = 0; r < ranks.size(); ++r)
    text += fmt::format("  rank {}: {} on {}, {} threads, {} cores bound ({})\n", r, ranks[r].device,
                        ranks[r].host, ranks[r].threads, ranks[r].cores_bound, ranks[r].cpu);
  return text;
}

std::string describe_model(const ModelFacts& facts) {
  std::string text = fmt::format(
      "model {}: {} parameters, {:.2f} MiB of gradients, {:.4g} FLOP a sample, {:.3g} FLOP a gradient byte\n",
      facts.name, facts.parameters, static_cast<double>(facts.gradient_bytes) / kMiB, facts.flops_per_sample,
      facts.flops_per_sample / static_cast<double>(facts.gradient_bytes));
  for (std::size_t i = 0; i < facts.layers.size(); ++i)
    text += fmt::format("  {:<24} {:>12} parameters\n", facts.layers[i], facts.layer_parameters[i]);
  return text;
}

std::string describe_buckets(const Setup& setup) {
  const std::vector<NamedParameter> parameters = trainable_parameters(*setup.model);
  const RunConfig::Parallel& parallel = setup.config.parallel;
  const BucketPlan plan = plan_buckets(shapes_of(parameters), reverse_order(parameters.size()),
                                       {parallel.first_bucket_mb, parallel.bucket_mb});
  std::string text = "buckets (by the assumed order; the first step shows the real one):\n";
  for (std::size_t b = 0; b < plan.buckets.size(); ++b)
    text += fmt::format("  {:>3}: {:>3} gradients, {:>9.3f} MiB, from {}\n", b, plan.buckets[b].slots.size(),
                        static_cast<double>(plan.buckets[b].elements) * sizeof(float) / kMiB,
                        parameters[plan.buckets[b].slots.front().parameter].name);
  return text;
}

// What is known without running: activations are not.
std::string describe_memory(const Setup& setup) {
  const double values = static_cast<double>(setup.model->parameter_count()) * sizeof(float) / kMiB;
  const RunConfig::Optimizer& optimizer = setup.config.training.optimizer;
  const int moments = optimizer.name != OptimizerKind::sgd ? 2 : (optimizer.momentum > 0 ? 1 : 0);
  return fmt::format(
      "memory a rank, without activations: parameters {:.2f} MiB, gradients {:.2f} MiB, optimizer {:.2f} "
      "MiB\n",
      values, values, values * moments);
}

std::string describe_pipeline(const Setup& setup) {
  const PipelinePlan& plan = setup.pipeline->plan;
  const int stages = plan.grid.stages();
  std::string text = fmt::format("{} stages x {} replicas, {} micro-batches, {} chunks a stage\n", stages,
                                 plan.grid.replicas(), plan.micro_batches(), plan.chunks_per_stage);
  for (std::size_t chunk = 0; chunk + 1 < plan.boundaries.size(); ++chunk) {
    std::int64_t parameters = 0;
    const auto first = static_cast<std::size_t>(plan.boundaries[chunk]),
               last = static_cast<std::size_t>(plan.boundaries[chunk + 1]) - 1;
    for (std::size_t i = first; i <= last; ++i) parameters += setup.facts.layer_parameters[i];
    text += fmt::format("  stage {}: {} .. {}, {} parameters\n", static_cast<int>(chunk) % stages,
                        setup.facts.layers[first], setup.facts.layers[last], parameters);
  }
  return text + schedule_grid(plan.schedule);
}

}  // namespace

std::string dry_run_text(Setup& setup, World& world) {
  const auto ranks = gather_environments(world, describe_rank(world, setup.device, setup.threads));
  if (world.rank() != 0) return {};
  const BatchPlan& batches = setup.batches;
  const DataFacts data = data_facts(setup.data);
  return to_yaml(setup.config, setup.hyper) +
         fmt::format("\nmode {}, {} ranks, back end {}\n", setup.mode, world.size(),
                     setup.communicator->backend()) +
         describe_ranks(ranks) +
         fmt::format("data {}: {} training rows, {} validation, {} test, {} classes\n", data.name,
                     data.train_rows, data.validation_rows, data.test_rows, data.classes) +
         fmt::format("batch {} = {} ranks x {} x {} accumulated; {} steps an epoch, {} in all\n",
                     batches.global_batch, world.size(), batches.largest_micro_batch(), batches.accumulate,
                     batches.steps_per_epoch(), setup.total_steps) +
         describe_model(setup.facts) +
         (setup.pipeline ? describe_pipeline(setup) : describe_buckets(setup) + describe_memory(setup));
}

}  // namespace lockstep
