#include "train/dry_run.hpp"

#include <fmt/format.h>

#include "launch/topology.hpp"
#include "plan/schedule_drawing.hpp"
#include "plan/schedule_simulation.hpp"
#include "train/binding.hpp"
#include "train/layer_costs.hpp"
#include "train/setup.hpp"
#include "train/strategy.hpp"

namespace lockstep {

namespace {

constexpr double kMiB = 1024.0 * 1024.0;

std::string describe_model(const ModelFacts& facts) {
  std::string text = fmt::format(
      "model {}: {} parameters, {:.2f} MiB of gradients, {:.4g} FLOP per sample, {:.3g} FLOP per gradient "
      "byte\n",
      facts.name, facts.parameters, static_cast<double>(facts.gradient_bytes) / kMiB, facts.flops_per_sample,
      facts.flops_per_sample / static_cast<double>(facts.gradient_bytes));
  for (std::size_t i = 0; i < facts.layers.size(); ++i)
    text += fmt::format("  {:<24} {:>12} parameters\n", facts.layers[i], facts.layer_parameters[i]);
  return text;
}

BucketPlan first_buckets(const Setup& setup, const std::vector<NamedParameter>& parameters) {
  return plan_buckets(shapes_of(parameters), reverse_order(parameters.size()),
                      reducer_options(setup.config).bucket_sizes);
}

std::string describe_buckets(const Setup& setup) {
  const std::vector<NamedParameter> parameters = reduced_parameters(*setup.model, setup.config);
  const BucketPlan plan = first_buckets(setup, parameters);
  std::string text = "buckets (by the assumed order; the first step shows the real one):\n";
  if (!setup.config.parallel.bucket_mb)
    text += fmt::format(
        "  other sizes are tried in the first steps (parallel.bucket_mb auto); these are of {:g} MiB\n",
        asked_reduction(setup.config).usual().bucket_mb);
  for (std::size_t b = 0; b < plan.buckets.size(); ++b)
    text += fmt::format("  {:>3}: {:>3} gradients, {:>9.3f} MiB, from {}\n", b, plan.buckets[b].slots.size(),
                        static_cast<double>(plan.buckets[b].elements) * sizeof(float) / kMiB,
                        parameters[plan.buckets[b].slots.front().parameter].name);
  return text;
}

// What is known without running: activations are not.
std::string describe_memory(const Setup& setup) {
  const double values = static_cast<double>(setup.model->parameter_count()) * sizeof(float) / kMiB;
  double gradients = values;
  if (setup.config.parallel.shard == Sharding::gradients) {
    const BucketPlan plan = first_buckets(setup, reduced_parameters(*setup.model, setup.config));
    const torch::ScalarType wire = reducer_options(setup.config).reduce_dtype;
    gradients = static_cast<double>(GradientShards::bytes(plan, setup.batches.ranks, wire)) / kMiB;
  }
  return fmt::format(
      "memory per rank, without activations: parameters {:.2f} MiB, gradients {:.2f} MiB, optimizer {:.2f} "
      "MiB\n",
      values, gradients, values * moments_per_rank(setup));
}

std::string layers_of(const Setup& setup, const Boundaries& boundaries, std::size_t chunk) {
  const std::string &first = setup.facts.layers[static_cast<std::size_t>(boundaries[chunk])],
                    &last = setup.facts.layers[static_cast<std::size_t>(boundaries[chunk + 1]) - 1];
  return first == last ? first : first + " .. " + last;
}

std::string describe_stages(const Setup& setup, const PipelinePlan& plan,
                            const std::vector<StagePrediction>& stages) {
  std::string text = fmt::format("  {:>5} {:>12} {:>10} {:>10} {:>10} {:>11} {:>10} {:>11} {:>12}  layers\n",
                                 "stage", "parameters", "values", "gradients", "optimizer", "activations",
                                 "total MiB", "forward ms", "backward ms");
  const auto mib = [](std::int64_t bytes) { return static_cast<double>(bytes) / kMiB; };
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const StageMemory& m = stages[s].memory;
    std::string layers = layers_of(setup, plan.boundaries, s);
    for (std::size_t c = s + stages.size(); c + 1 < plan.boundaries.size(); c += stages.size())
      layers += ", " + layers_of(setup, plan.boundaries, c);
    text += fmt::format(
        "  {:>5} {:>12} {:>10.1f} {:>10.1f} {:>10.1f} {:>11.1f} {:>10.1f} {:>11.2f} {:>12.2f}  {}\n", s,
        m.parameters / static_cast<std::int64_t>(sizeof(float)), mib(m.parameters), mib(m.gradients),
        mib(m.moments), mib(m.activations), mib(m.total()), 1e3 * stages[s].forward_seconds,
        1e3 * stages[s].backward_seconds, layers);
  }
  return text;
}

// Rank 0 alone. The text, and the schedule's picture.
DryRun describe_pipeline(Setup& setup, const std::vector<int>& node_of_rank) {
  const RunConfig& config = setup.config;
  const auto [costs, backward_measured] = measure_layers(setup);
  const PipelinePlan plan = plan_pipeline(config, *setup.model, node_of_rank, costs, {});
  setup.mode = pipeline_mode(config, plan.grid);
  const PartitionProblem problem = partition_problem(config, plan.schedule, costs, {});
  const Timeline timeline = simulate(plan.schedule, chunk_times(problem, plan.boundaries));
  const int stages = plan.grid.stages(), micro = plan.micro_batches();
  const double ideal = ideal_idle_share(config.parallel.schedule, stages, micro, plan.chunks_per_stage);
  const std::string title = fmt::format("{} stages x {} replicas, {}, {} micro-batches", stages,
                                        plan.grid.replicas(), name_of(config.parallel.schedule), micro);
  DryRun dry;
  dry.text =
      title + fmt::format(", {} chunks per stage\n", plan.chunks_per_stage) +
      describe_stages(setup, plan, predict_stages(problem, plan.boundaries)) +
      fmt::format(
          "  times of one micro-batch, measured here on {} with {} threads{}\npredicted step {:.1f} ms with "
          "free transfers; a stage is idle for {:.1f} % of it (the bubble; {:.1f} % if all stages were "
          "equal)\n",
          setup.device.str(), setup.threads, backward_measured ? "" : "; backward is taken as twice forward",
          1e3 * timeline.makespan, 100 * timeline.idle_share(), 100 * ideal) +
      schedule_grid(plan.schedule);
  dry.svg = schedule_svg(timeline, {.title = setup.facts.name + ": " + title});
  return dry;
}

std::string describe_run(const Setup& setup, int ranks, BackendKind backend,
                         const std::vector<RankEnvironment>& present) {
  const BatchPlan& batches = setup.batches;
  const DataFacts data = data_facts(setup.data);
  return resolved_yaml(setup) +
         fmt::format("\nmode {}, {} ranks, back end {}\n", name_of(setup.mode), ranks, name_of(backend)) +
         (ranks == static_cast<int>(present.size()) ? describe_binding(setup, present) : "") +
         fmt::format("data {}: {} training rows, {} validation, {} test, {} classes\n", data.name,
                     data.train_rows, data.validation_rows, data.test_rows, data.classes) +
         fmt::format("batch {} = {} shares x {} x {} accumulated; {} steps per epoch, {} in all\n",
                     batches.global_batch, batches.ranks, batches.largest_micro_batch(), batches.accumulate,
                     batches.steps_per_epoch(), setup.total_steps) +
         describe_model(setup.facts);
}

}  // namespace

DryRun dry_run(RunConfig config, Mode mode, int ranks, World& world) {
  const bool planned = ranks > 0 && ranks != world.size(), split = splits_model(mode);
  if (ranks == 0) ranks = world.size();
  // Where the ranks are there, what they need of each other is tried too.
  Setup setup = planned || split ? prepare_setup(std::move(config), mode, ranks, world)
                                 : make_setup(std::move(config), mode, world);
  const auto present = gather_environments(
      world, describe_rank(setup.device, setup.threads, loader_threads(setup, world.rank())));
  const std::vector<int> nodes =
      planned ? std::vector<int>(static_cast<std::size_t>(ranks)) : node_of_ranks(world);
  if (world.rank() != 0) return {};
  // Without communicators it is what was asked for; what `auto` comes to shows where the ranks are.
  const BackendKind backend =
      setup.communicator ? setup.communicator->backend() : setup.config.parallel.backend;
  if (!split)
    return {describe_run(setup, ranks, backend, present) + describe_buckets(setup) + describe_memory(setup),
            {}};
  DryRun dry = describe_pipeline(setup, nodes);
  dry.text = describe_run(setup, ranks, backend, present) + dry.text;
  return dry;
}

}  // namespace lockstep
