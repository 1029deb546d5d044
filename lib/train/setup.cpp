#include "train/setup.hpp"

#include <ATen/Parallel.h>

#include <cstdlib>
#include <utility>

#include "base/error.hpp"
#include "base/random.hpp"
#include "comm/device_map.hpp"
#include "comm/registry.hpp"
#include "comm/topology.hpp"
#include "models/registry.hpp"

namespace lockstep {

namespace {

// One rank a node parses and fills the cache; the others then read it.
DataSplits load_data_in_turn(const RunConfig& config, World& world) {
  DataSplits splits;
  if (world.local_rank() == 0) splits = load_data(config, node_cores());
  world.barrier();
  if (world.local_rank() != 0) splits = load_data(config, 1);
  return splits;
}

BatchPlan plan_batches(const RunConfig& config, const Dataset& split, int ranks) {
  const std::int64_t rows = split.size();
  BatchPlan plan{.dataset_size = rows,
                 .global_batch = config.global_batch(ranks),
                 .accumulate = config.training.accumulate,
                 .ranks = ranks,
                 .seed = config.run.seed};
  if (config.data.batching == Batching::length) plan.lengths = split.batching_lengths();
  if (plan.global_batch > rows) {
    throw input_error(
        "{} is {}, the training split has {} rows; make the batch smaller",
        config.place(config.training.global_batch ? "training.global_batch" : "training.micro_batch"),
        plan.global_batch, rows);
  }
  // For the test of the audit alone: every rank trains on everything, the fault that the audit must find.
  if (const char* unsharded = std::getenv("LOCKSTEP_TEST_UNSHARDED"))
    plan.shard = std::string(unsharded) != "1";
  return plan;
}

}  // namespace

ModelInputs model_inputs(const DatasetInfo& info) {
  return {.sample_shape = info.sample_shape,
          .vocabulary = info.vocabulary,
          .classes = info.classes,
          .kind = info.kind,
          .target_length = info.target_shape.empty() ? 0 : info.target_shape[0],
          .target_vocabulary = info.target_vocabulary};
}

Setup make_setup(RunConfig config, const std::string& mode, World& world) {
  Setup setup;
  setup.config = std::move(config);
  setup.mode = mode;
  check_model(setup.config);
  setup.config.model.preset = resolved_preset(setup.config.model);
  if (setup.config.run.name.empty()) setup.config.run.name = setup.config.model.name;
  const RunConfig& c = setup.config;
  setup.hyper = resolved_hyper_parameters(c.model);
  setup.threads = threads_per_rank(c, world);
  at::set_num_threads(setup.threads);
  setup.device = choose_device(c.parallel.device, c.parallel.backend, world, c.place("parallel.device"));
  setup.communicator =
      make_communicator(c.parallel.backend, setup.device, world, c.place("parallel.backend"));
  setup.data = load_data_in_turn(c, world);
  setup.batches = plan_batches(c, *setup.data.train, world.size());
  setup.total_steps =
      c.training.steps ? *c.training.steps : *c.training.epochs * setup.batches.steps_per_epoch();
  const DatasetInfo& info = setup.data.train->info();
  setup.task = model_task(c.model);
  setup.model = make_model(c.model, model_inputs(info), c.run.seed);
  setup.model->to(setup.device);
  setup.model->train();
  // Weights follow from the seed alone; what is drawn later (dropout on a GPU) must differ between ranks.
  torch::manual_seed(splitmix64(c.run.seed + static_cast<std::uint64_t>(world.rank())));
  return setup;
}

ModelFacts model_facts(const Model& model) {
  ModelFacts facts;
  facts.name = model.name();
  facts.parameters = model.parameter_count();
  facts.gradient_bytes = facts.parameters * static_cast<std::int64_t>(sizeof(float));
  facts.flops_per_sample = model.flops_per_sample();
  for (const Model::Entry& entry : model.layers()) {
    std::int64_t parameters = 0;
    for (const torch::Tensor& p : entry.layer->parameters()) parameters += p.numel();
    facts.layers.push_back(entry.name);
    facts.layer_parameters.push_back(parameters);
  }
  return facts;
}

DataFacts data_facts(const DataSplits& data) {
  const auto rows = [](const std::shared_ptr<const Dataset>& split) { return split ? split->size() : 0; };
  const DatasetInfo& info = data.train->info();
  return {info.name, rows(data.train), rows(data.validation), rows(data.test), info.classes, info.digest};
}

}  // namespace lockstep
