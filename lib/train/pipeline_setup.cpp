#include "train/pipeline_setup.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "comm/backends.hpp"
#include "models/registry.hpp"
#include "plan/message_lanes.hpp"
#include "train/flat_optimizer.hpp"

namespace lockstep {

namespace {

// Puts the key's location before the planner's message.
template <typename Plan>
auto at_place(const RunConfig& config, const std::string& key, const Plan& plan) {
  try {
    return plan();
  } catch (const Error& error) {
    throw input_error("{}: {}", config.place(key), error.what());
  }
}

// As the model's row says; evenly where it says nothing of so many chunks.
Boundaries partition_as_published(const RunConfig& config, const Model& model, int stages,
                                  int chunks_per_stage) {
  const PublishedPartition published = published_partition(config.model);
  const auto& layers = model.layers();
  const int count = static_cast<int>(layers.size()), chunks = stages * chunks_per_stage;
  if (chunks == 2 && published.first_of_two > 0) return {0, published.first_of_two, count};
  const auto is_block = [&](const Model::Entry& entry) { return entry.name.starts_with(published.blocks); };
  const int first = static_cast<int>(std::find_if(layers.begin(), layers.end(), is_block) - layers.begin());
  const int blocks = static_cast<int>(std::count_if(layers.begin(), layers.end(), is_block));
  if (published.blocks.empty() || blocks < chunks) return even_partition(count, stages, chunks_per_stage);
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
      return partition_as_published(config, model, stages, chunks_per_stage);
    case Partition::Kind::even:
      return even_partition(layers, stages, chunks_per_stage);
    case Partition::Kind::layers:
      return explicit_partition(config.parallel.partition.layers, layers, stages, chunks_per_stage);
    case Partition::Kind::automatic:
      break;
  }
  return auto_partition(problem);
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
  if (pipeline.tied.stage >= 0)
    end_now(pipeline.collectives->exchange(token, torch::zeros_like(token), pipeline.tied.stage));
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

Pipeline make_pipeline(PipelinePlan plan, const Model& model, const c10::Device& device, Group& ranks,
                       const CommunicatorFactory& factory) {
  Pipeline pipeline(std::move(plan));
  const ProcessGrid::Place place = pipeline.plan.grid.place(ranks.rank());
  pipeline.stage = place.stage;
  pipeline.replica = place.replica;
  const Boundaries& b = pipeline.plan.boundaries;
  pipeline.tied = untie(model, place.stage, [&](int layer) {
    const auto chunk = std::upper_bound(b.begin(), b.end(), layer) - b.begin() - 1;
    return static_cast<int>(chunk) % pipeline.plan.grid.stages();
  });
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
