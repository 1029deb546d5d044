// Setup: what a run needs before its first step, made and checked in the order in which a user can get it
// wrong.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "comm/sim_communicator.hpp"
#include "config/run_config.hpp"
#include "data/dataset.hpp"
#include "data/sampler.hpp"
#include "launch/world.hpp"
#include "models/model.hpp"
#include "results/run_data.hpp"
#include "train/pipeline_setup.hpp"

namespace lockstep {

struct Setup {
  RunConfig config;
  Sharding asked_sharding = Sharding::automatic;  // parallel.shard as given; config has what it came to
  std::vector<Setting> hyper;                     // the model's hyper-parameters, defaults filled in
  Mode mode = Mode::sequential;                   // what it has come to: ps of ddp, pipe or hybrid of mp
  torch::Device device = torch::kCPU;
  int threads = 1;                             // compute threads of this rank
  SimOptions sim;                              // of the back end sim
  double loader_slow_factor = 1;               // of this rank, by the back end sim
  std::unique_ptr<Communicator> communicator;  // of the ranks that hold the same parameters
  DataSplits data;
  TaskKind task = TaskKind::classification;
  std::shared_ptr<Model> model;  // this rank's layers, on the device, in training mode
  ModelFacts facts;              // of the whole model
  std::optional<Pipeline> pipeline;
  BatchPlan batches;
  std::int64_t total_steps = 0;
};

// The configuration with every key, as it was asked for: other programs, and other ranks, can go on with it.
std::string resolved_yaml(const Setup& setup);

// What a run of so many ranks is known to be before they meet: everything but communicators and the split of
// the model, which is whole and on the host. mode: of the program; Mode::layerwise for any split. Collective
// over the ranks that are there, which need not be as many. Errors as below.
Setup prepare_setup(RunConfig config, Mode mode, int ranks, World& world);

// Collective. Error(bad_input) for whatever of the configuration does not fit the ranks, the devices or the
// data.
Setup make_setup(RunConfig config, Mode mode, World& world);

// Collective: leaves this rank the layers of its stage, and makes what they are trained over. setup: of
// prepare_setup() in a mode that splits the model. of_stages: makes what the stages of a pipeline send each other their tensors
// over.
void split_model(Setup& setup, World& world, const CommunicatorFactory& of_stages);

// Threads that will load data on the rank: none where another rank loads for it.
int loader_threads(const Setup& setup, int rank);

// Tensors of the parameters' size that a rank's optimizer keeps: a share of moments_of() where it is sharded.
double moments_per_rank(const Setup& setup);
// The same of gradients, without the buffers that they pass through.
double gradients_per_rank(const Setup& setup);

// Collective. By rank: a number that is equal for ranks of one node.
std::vector<int> node_of_ranks(World& world);

// What a model must know of a data set.
ModelInputs model_inputs(const DatasetInfo& info);

ModelFacts model_facts(const Model& model);
DataFacts data_facts(const DataSplits& data);

}  // namespace lockstep
