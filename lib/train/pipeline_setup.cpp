#include "train/pipeline_setup.hpp"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "comm/registry.hpp"
#include "timing/clock.hpp"

namespace lockstep {

namespace {

// Puts the place of the key before what the planner says.
template <typename Plan>
auto at_place(const RunConfig& config, const std::string& key, const Plan& plan) {
  try {
    return plan();
  } catch (const Error& error) {
    throw input_error("{}: {}", config.place(key), error.what());
  }
}

bool starts_with(const std::string& name, const std::string& prefix) { return name.rfind(prefix, 0) == 0; }

// The splits of the published comparisons: embedding | rest for recurrent and convolutional text models on
// two stages; the layers of an encoder or decoder evenly, with what comes before them on the first stage and
// what comes after on the last. Others evenly.
Boundaries published_partition(const Model& model, int stages, int chunks_per_stage) {
  const auto& layers = model.layers();
  const int count = static_cast<int>(layers.size()), chunks = stages * chunks_per_stage;
  const std::string name = model.name();
  if (chunks == 2 && (name == "text_cnn" || name == "lstm" || name == "gru")) return {0, 1, count};
  const auto is_block = [](const Model::Entry& entry) {
    return starts_with(entry.name, "encoder") || starts_with(entry.name, "decoder");
  };
  const int first = static_cast<int>(std::find_if(layers.begin(), layers.end(), is_block) - layers.begin());
  const int blocks = static_cast<int>(std::count_if(layers.begin(), layers.end(), is_block));
  if ((name != "transformer" && name != "gpt") || blocks < chunks)
    return even_partition(count, stages, chunks_per_stage);
  Boundaries boundaries = even_partition(blocks, stages, chunks_per_stage);
  for (int& boundary : boundaries) boundary += first;
  boundaries.front() = 0;
  boundaries.back() = count;
  return boundaries;
}

Boundaries choose_partition(const RunConfig& config, const Model& model, const StageActions& schedule,
                            int stages, int chunks, const std::vector<LayerCost>& costs) {
  const int layers = static_cast<int>(model.layers().size());
  switch (config.parallel.partition.kind) {
    case Partition::Kind::published:
      return published_partition(model, stages, chunks);
    case Partition::Kind::even:
      return even_partition(layers, stages, chunks);
    case Partition::Kind::layers:
      return explicit_partition(config.parallel.partition.layers, layers, stages, chunks);
    case Partition::Kind::automatic:
      break;
  }
  const RunConfig::Optimizer& optimizer = config.training.optimizer;
  const int moments = optimizer.name != OptimizerKind::sgd ? 2 : (optimizer.momentum > 0 ? 1 : 0);
  return auto_partition(
      {.layers = costs, .schedule = schedule, .link = {}, .optimizer_moments = moments, .memory_limit = {}});
}

std::int64_t bytes_of(const Flow& flow) {
  std::int64_t bytes = 0;
  for (const torch::Tensor& tensor : flow) bytes += static_cast<std::int64_t>(tensor.nbytes());
  return bytes;
}

// Tied weights whose two layers are on different stages: the head gets a copy of its own.
void untie(Pipeline& pipeline, const Model& model) {
  const PipelinePlan& plan = pipeline.plan;
  const auto stage_of = [&](std::size_t layer) {
    const auto next =
        std::upper_bound(plan.boundaries.begin(), plan.boundaries.end(), static_cast<int>(layer));
    return static_cast<int>(next - plan.boundaries.begin() - 1) % plan.grid.stages();
  };
  const auto& layers = model.layers();
  for (std::size_t reader = 0; reader < layers.size(); ++reader) {
    const torch::Tensor weight = layers[reader].layer->tied_weight();
    if (!weight.defined()) continue;
    for (std::size_t owner = 0; owner < layers.size(); ++owner) {
      const auto parameters = layers[owner].layer->parameters();
      const bool owns = std::any_of(parameters.begin(), parameters.end(),
                                    [&](const torch::Tensor& p) { return p.is_same(weight); });
      if (!owns || stage_of(owner) == stage_of(reader)) continue;
      layers[reader].layer->own_tied_weight();
      if (stage_of(reader) == pipeline.stage) {
        pipeline.tied_weight = layers[reader].layer->named_parameters(/*recurse=*/false)["weight"];
        pipeline.tied_stage = stage_of(owner);
        pipeline.tied_copy = true;
      } else if (stage_of(owner) == pipeline.stage) {
        pipeline.tied_weight = weight;
        pipeline.tied_stage = stage_of(reader);
      }
    }
  }
}

}  // namespace

std::string pipeline_mode(const RunConfig& config, const ProcessGrid& grid) {
  if (grid.replicas() > 1) return "hybrid";
  return config.parallel.schedule == PipelineSchedule::layerwise ? "mp" : "pipe";
}

PipelinePlan plan_pipeline(const RunConfig& config, const Model& model, std::span<const int> node_of_rank,
                           const std::vector<LayerCost>& costs) {
  const RunConfig::Parallel& parallel = config.parallel;
  const int ranks = static_cast<int>(node_of_rank.size()), stages = parallel.stages.value_or(ranks);
  const bool layerwise = parallel.schedule == PipelineSchedule::layerwise;
  ProcessGrid grid = at_place(config, "parallel.stages", [&] { return ProcessGrid(node_of_rank, stages); });
  const int micro_batches = parallel.micro_batches.value_or(layerwise ? 1 : 4);
  const int chunks = parallel.chunks.value_or(parallel.schedule == PipelineSchedule::interleaved ? 2 : 1);
  const std::int64_t share =
      config.global_batch(grid.replicas()) / (grid.replicas() * config.training.accumulate);
  if (share % micro_batches != 0)
    throw input_error("{}: {} micro-batches do not divide a replica's batch of {}; take a divisor",
                      config.place("parallel.micro_batches"), micro_batches, share);
  StageActions schedule = at_place(config, "parallel.schedule", [&] {
    return make_schedule(parallel.schedule, stages, micro_batches, chunks);
  });
  Boundaries boundaries = at_place(config, "parallel.partition", [&] {
    return choose_partition(config, model, schedule, stages, chunks, costs);
  });
  if (parallel.sync_batchnorm && stages > 1)
    throw input_error("{}: statistics over the global batch would need all micro-batches at once; remove it",
                      config.place("parallel.sync_batchnorm"));
  return {std::move(grid), chunks, std::move(schedule), std::move(boundaries)};
}

std::vector<LayerCost> measure_layers(Model& model, const Flow& batch) {
  constexpr int kRounds = 3;  // the first warms up
  std::vector<LayerCost> costs(model.layers().size());
  for (int round = 0; round < kRounds; ++round) {
    Flow flow = batch;
    for (std::size_t i = 0; i < costs.size(); ++i) {
      for (torch::Tensor& tensor : flow)
        tensor = tensor.detach().requires_grad_(i > 0 && tensor.is_floating_point());
      const Flow inputs = flow;
      const SteadyTime begin = steady_now();
      flow = model.layers()[i].layer->forward(inputs);
      const SteadyTime middle = steady_now();
      Flow outputs, ones;
      for (const torch::Tensor& output : flow) {
        if (!output.requires_grad() || output.is_leaf()) continue;
        outputs.push_back(output);
        ones.push_back(torch::ones_like(output));
      }
      if (!outputs.empty()) torch::autograd::backward(outputs, ones);
      LayerCost& cost = costs[i];
      const double forward = seconds_between(begin, middle), backward = seconds_between(middle, steady_now());
      cost.forward_seconds = round < 2 ? forward : std::min(cost.forward_seconds, forward);
      cost.backward_seconds = round < 2 ? backward : std::min(cost.backward_seconds, backward);
      cost.output_bytes = bytes_of(flow);
      cost.saved_bytes = bytes_of(flow);
      cost.parameter_bytes = 0;
      for (const torch::Tensor& p : model.layers()[i].layer->parameters())
        cost.parameter_bytes += static_cast<std::int64_t>(p.nbytes());
    }
  }
  model.zero_grad();
  return costs;
}

Pipeline make_pipeline(PipelinePlan plan, const Model& model, const c10::Device& device, Group& ranks,
                       const RunConfig& config, const SimOptions& sim) {
  Pipeline pipeline(std::move(plan));
  const ProcessGrid::Place place = pipeline.plan.grid.place(ranks.rank());
  pipeline.stage = place.stage;
  pipeline.replica = place.replica;
  untie(pipeline, model);
  const Boundaries& b = pipeline.plan.boundaries;
  const std::span<const Model::Entry> layers(model.layers());
  const int chunks = static_cast<int>(b.size()) - 1;
  for (int chunk = place.stage; chunk < chunks; chunk += pipeline.plan.grid.stages()) {
    const auto first = static_cast<std::size_t>(b[static_cast<std::size_t>(chunk)]);
    const auto last = static_cast<std::size_t>(b[static_cast<std::size_t>(chunk) + 1]);
    pipeline.chunks.push_back(std::make_shared<Model>(model.name(), layers.subspan(first, last - first),
                                                      model.shared_dropout_context()));
  }
  const auto pipe = ranks.split(place.replica);
  const std::string where = config.place("parallel.backend");
  pipeline.activations = make_communicator(config.parallel.backend, device, *pipe, where, sim);
  pipeline.gradients = make_communicator(config.parallel.backend, device, *pipe, where, sim);
  return pipeline;
}

std::shared_ptr<Model> local_model(const Pipeline& pipeline, const Model& whole) {
  std::vector<Model::Entry> layers;
  for (const auto& chunk : pipeline.chunks)
    layers.insert(layers.end(), chunk->layers().begin(), chunk->layers().end());
  return std::make_shared<Model>(whole.name(), layers, whole.shared_dropout_context());
}

}  // namespace lockstep
