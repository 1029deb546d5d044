// What train_mp needs besides Setup: which layers this rank has, when it works on them, and its neighbours.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comm/communicator.hpp"
#include "config/run_config.hpp"
#include "launch/group.hpp"
#include "models/model.hpp"
#include "parallel/tied_weights.hpp"
#include "plan/partition.hpp"
#include "plan/process_grid.hpp"
#include "plan/schedule.hpp"

namespace lockstep {

// The same on every rank; nothing of it needs a device or a second rank.
struct PipelinePlan {
  ProcessGrid grid;
  int chunks_per_stage = 1;
  StageActions schedule;
  Boundaries boundaries;  // of the model's layers, by chunk

  int micro_batches() const { return micro_batch_count(schedule); }
};

// One rank's part.
struct Pipeline {
  explicit Pipeline(PipelinePlan p) : plan(std::move(p)) {}

  PipelinePlan plan;
  int stage = 0, replica = 0;
  std::vector<std::shared_ptr<Model>> chunks;  // of this stage, in order

  // Of the ranks of this pipeline, in order of stage: by lane (plan/message_lanes.hpp), or one that
  // carries all messages of a kind.
  std::vector<std::unique_ptr<Communicator>> activations, gradients;
  // Where operations occupy the device, also one for what all stages do at once, and one from host to host.
  std::unique_ptr<Communicator> collectives, headers;
  Communicator& of_all_stages() const { return collectives ? *collectives : *activations.front(); }
  Communicator& from_host_to_host() const { return headers ? *headers : *activations.front(); }

  TiedWeight tied;
};

// Of one replica's batch: parallel.micro_batches, or its default.
int micro_batches_of(const RunConfig& config);

// "mp" for layerwise, "pipe", or "hybrid" with several replicas.
std::string pipeline_mode(const RunConfig& config, const ProcessGrid& grid);

// Error(bad_input) naming place, numbers and remedy for what does not fit: stages and ranks, stages and
// layers, micro-batches and the batch, the partition and the layers, a stage and its device's memory.
// node_of_rank: as in ProcessGrid. costs: of the model's layers; partition auto needs them measured, for the
// others parameter_costs() will do. memory_limit: bytes of a device; empty: any.
PipelinePlan plan_pipeline(const RunConfig& config, const Model& model, std::span<const int> node_of_rank,
                           const std::vector<LayerCost>& costs, std::optional<std::int64_t> memory_limit);

// What the planner of partitions is asked.
PartitionProblem partition_problem(const RunConfig& config, const StageActions& schedule,
                                   const std::vector<LayerCost>& costs,
                                   std::optional<std::int64_t> memory_limit);

// Makes a communicator of these ranks; collective over them.
using CommunicatorFactory = std::function<std::unique_ptr<Communicator>(Group&)>;

// Collective over all ranks. The model's layers that are not this stage's are let go with it. Where
// operations occupy the device, every connection that a step needs has been made when it returns: NCCL makes
// one in the first operation that needs it, on the host, which would wait there for a peer that may wait for
// this one's next pass.
Pipeline make_pipeline(PipelinePlan plan, const Model& model, const c10::Device& device, Group& ranks,
                       const CommunicatorFactory& factory);

// All layers of this rank's chunks, as one module.
std::shared_ptr<Model> local_model(const Pipeline& pipeline, const Model& whole);

}  // namespace lockstep
