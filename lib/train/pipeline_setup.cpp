#include "train/pipeline_setup.hpp"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "comm/backends.hpp"
#include "plan/message_lanes.hpp"
#include "timing/clock.hpp"
#include "train/flat_optimizer.hpp"

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

Boundaries choose_partition(const RunConfig& config, const Model& model, const PartitionProblem& problem,
                            int chunks_per_stage) {
  const int layers = static_cast<int>(model.layers().size()),
            stages = static_cast<int>(problem.schedule.size());
  switch (config.parallel.partition.kind) {
    case Partition::Kind::published:
      return published_partition(model, stages, chunks_per_stage);
    case Partition::Kind::even:
      return even_partition(layers, stages, chunks_per_stage);
    case Partition::Kind::layers:
      return explicit_partition(config.parallel.partition.layers, layers, stages, chunks_per_stage);
    case Partition::Kind::automatic:
      break;
  }
  return auto_partition(problem);
}

// Bytes of the tensors that this thread has allocated and not freed, while it lives.
class HeldBytes final : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, std::int64_t allocated, std::size_t, std::size_t, c10::Device) override {
    bytes += allocated;
  }
  bool memoryProfilingEnabled() const override { return true; }
  std::int64_t bytes = 0;
};

std::int64_t bytes_of(const Flow& flow) {
  std::int64_t bytes = 0;
  for (const torch::Tensor& tensor : flow) bytes += static_cast<std::int64_t>(tensor.nbytes());
  return bytes;
}

struct LayerPass {
  Flow outputs;
  double seconds = 0;
  std::int64_t held_bytes = 0;  // allocated and kept: outputs, and what backward needs
};

LayerPass forward_pass(Layer& layer, Flow inputs, bool differentiate) {
  for (torch::Tensor& tensor : inputs)
    tensor = tensor.detach().requires_grad_(differentiate && tensor.is_floating_point());
  LayerPass pass;
  const auto held = std::make_shared<HeldBytes>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, held);
  const SteadyTime begin = steady_now();
  pass.outputs = layer.forward(std::move(inputs));
  pass.seconds = seconds_between(begin, steady_now());
  pass.held_bytes = held->bytes;
  return pass;
}

double backward_seconds(const Flow& outputs) {
  Flow roots, ones;
  for (const torch::Tensor& output : outputs) {
    if (!output.requires_grad() || output.is_leaf()) continue;
    roots.push_back(output);
    ones.push_back(torch::ones_like(output));
  }
  const SteadyTime begin = steady_now();
  if (!roots.empty()) torch::autograd::backward(roots, ones);
  return seconds_between(begin, steady_now());
}

// Seconds of the whole forward pass. Round 0 warms up and goes forward only.
double measure_round(Model& model, Flow flow, int round, std::vector<LayerCost>& costs) {
  double seconds = 0;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    LayerPass pass = forward_pass(*model.layers()[i].layer, std::move(flow), i > 0);
    LayerCost& cost = costs[i];
    const auto keep = [&](double& kept, double now) { kept = round < 2 ? now : std::min(kept, now); };
    keep(cost.forward_seconds, pass.seconds);
    if (round > 0) keep(cost.backward_seconds, backward_seconds(pass.outputs));
    cost.output_bytes = bytes_of(pass.outputs);
    cost.saved_bytes = std::max(pass.held_bytes, cost.output_bytes);
    flow = std::move(pass.outputs);
    seconds += pass.seconds;
  }
  return seconds;
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
      std::string name;
      for (const auto& p : layers[owner].layer->named_parameters())
        if (p.value().is_same(weight)) name = layers[owner].name + "." + p.key();
      if (name.empty() || stage_of(owner) == stage_of(reader)) continue;
      layers[reader].layer->own_tied_weight();
      if (stage_of(reader) == pipeline.stage) {
        pipeline.tied_weight = layers[reader].layer->named_parameters(/*recurse=*/false)["weight"];
        pipeline.tied_stage = stage_of(owner);
        pipeline.tied_copy = true;
        pipeline.aliases = {{layers[reader].name + ".weight", name}};
      } else if (stage_of(owner) == pipeline.stage) {
        pipeline.tied_weight = weight;
        pipeline.tied_stage = stage_of(reader);
      }
    }
  }
}

// The host waits until it has ended: what it takes to get there then belongs to the start.
void end_now(const WorkPtr& work) {
  work->wait();
  work->times();
}

// A message between neighbours the way that the lane carries them; whoever is neither of the two does
// nothing.
void greet(Communicator& lane, int from, int to, const torch::Tensor& token) {
  if (lane.rank() == from) end_now(lane.send(token, to));
  if (lane.rank() == to) end_now(lane.recv(token, from));
}

// Autograd's thread of a GPU makes its context current by its first kernel. In the backward pass of a stage a
// cuBLAS call would come before one, and LibTorch prints a warning about it.
void start_autograd(const c10::Device& device) {
  if (!device.is_cuda()) return;
  const torch::Tensor one = torch::ones({1}, torch::TensorOptions().device(device).requires_grad(true));
  (one * 2).sum().backward();
}

// One small operation for each connection of a step, in one order on all ranks.
void connect(Pipeline& pipeline, const c10::Device& device) {
  torch::Tensor token = torch::zeros({1}, torch::TensorOptions().device(device));
  const int stages = pipeline.plan.grid.stages(), lanes = static_cast<int>(pipeline.activations.size());
  const bool ring = stages > 1 && pipeline.plan.chunks_per_stage > 1;
  for (int stage = 0; stage < (ring ? stages : stages - 1); ++stage) {
    const auto lane = static_cast<std::size_t>(lane_of(stage, stages, lanes));
    const int next = (stage + 1) % stages;
    greet(*pipeline.activations[lane], stage, next, token);
    greet(*pipeline.gradients[lane], next, stage, token);
  }
  end_now(pipeline.collectives->all_reduce(token));
  if (pipeline.tied_stage >= 0)
    end_now(pipeline.collectives->exchange(token, torch::zeros_like(token), pipeline.tied_stage));
}

}  // namespace

Mode pipeline_mode(const RunConfig& config, const ProcessGrid& grid) {
  if (grid.replicas() > 1) return Mode::hybrid;
  return config.parallel.schedule == PipelineSchedule::layerwise ? Mode::layerwise : Mode::pipeline;
}

int micro_batches_of(const RunConfig& config) {
  const RunConfig::Parallel& parallel = config.parallel;
  return parallel.micro_batches.value_or(parallel.schedule == PipelineSchedule::layerwise ? 1 : 4);
}

PartitionProblem partition_problem(const RunConfig& config, const StageActions& schedule,
                                   const std::vector<LayerCost>& costs,
                                   std::optional<std::int64_t> memory_limit) {
  return {.layers = costs,
          .schedule = schedule,
          .link = {},
          .optimizer_moments = moments_of(config.training.optimizer),
          .memory_limit = memory_limit};
}

PipelinePlan plan_pipeline(const RunConfig& config, const Model& model, std::span<const int> node_of_rank,
                           const std::vector<LayerCost>& costs, std::optional<std::int64_t> memory_limit) {
  const RunConfig::Parallel& parallel = config.parallel;
  const int ranks = static_cast<int>(node_of_rank.size()), stages = parallel.stages.value_or(ranks);
  ProcessGrid grid = at_place(config, "parallel.stages", [&] { return ProcessGrid(node_of_rank, stages); });
  const int micro_batches = micro_batches_of(config);
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
    const PartitionProblem problem = partition_problem(config, schedule, costs, memory_limit);
    Boundaries chosen = choose_partition(config, model, problem, chunks);
    require_fits(problem, chosen);
    return chosen;
  });
  if (parallel.sync_batchnorm && stages > 1)
    throw input_error("{}: statistics over the global batch would need all micro-batches at once; remove it",
                      config.place("parallel.sync_batchnorm"));
  return {std::move(grid), chunks, std::move(schedule), std::move(boundaries)};
}

std::vector<LayerCost> parameter_costs(const Model& model) {
  std::vector<LayerCost> costs;
  for (const Model::Entry& entry : model.layers()) {
    LayerCost& cost = costs.emplace_back();
    for (const torch::Tensor& p : entry.layer->parameters())
      cost.parameter_bytes += static_cast<std::int64_t>(p.nbytes());
    const torch::Tensor tied = entry.layer->tied_weight();
    if (tied.defined()) cost.parameter_bytes += static_cast<std::int64_t>(tied.nbytes());
  }
  return costs;
}

LayerMeasurement measure_layers(Model& model, const Flow& batch) {
  constexpr int kRounds = 3;
  constexpr double kSlow = 0.5;  // seconds of a forward pass
  LayerMeasurement measured{parameter_costs(model), true};
  for (int round = 0; round < kRounds && measured.backward; ++round)
    measured.backward = measure_round(model, batch, round, measured.costs) < kSlow || round > 0;
  if (!measured.backward)
    for (LayerCost& cost : measured.costs) cost.backward_seconds = 2 * cost.forward_seconds;
  model.zero_grad();
  return measured;
}

Pipeline make_pipeline(PipelinePlan plan, const Model& model, const c10::Device& device, Group& ranks,
                       const RunConfig& config, const SimOptions& sim) {
  return make_pipeline(std::move(plan), model, device, ranks, [&](Group& stages) {
    return make_communicator(config.parallel.backend, device, stages, config.place("parallel.backend"), sim);
  });
}

Pipeline make_pipeline(PipelinePlan plan, const Model& model, const c10::Device& device, Group& ranks,
                       const CommunicatorFactory& factory) {
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
  pipeline.activations.push_back(factory(*pipe));
  pipeline.gradients.push_back(factory(*pipe));
  start_autograd(device);
  if (!pipeline.activations.front()->occupies_device()) return pipeline;
  const int lanes = lane_count(pipeline.plan.grid.stages(), pipeline.plan.chunks_per_stage);
  for (int lane = 1; lane < lanes; ++lane) {
    pipeline.activations.push_back(factory(*pipe));
    pipeline.gradients.push_back(factory(*pipe));
  }
  pipeline.collectives = factory(*pipe);
  pipeline.headers = make_communicator(BackendKind::mpi, c10::kCPU, *pipe);
  connect(pipeline, device);
  return pipeline;
}

std::shared_ptr<Model> local_model(const Pipeline& pipeline, const Model& whole) {
  std::vector<Model::Entry> layers;
  for (const auto& chunk : pipeline.chunks)
    layers.insert(layers.end(), chunk->layers().begin(), chunk->layers().end());
  return std::make_shared<Model>(whole.name(), layers, whole.shared_dropout_context());
}

}  // namespace lockstep
