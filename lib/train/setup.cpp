#include "train/setup.hpp"

#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/machine_memory.hpp"
#include "base/random.hpp"
#include "comm/agreement.hpp"
#include "comm/backends.hpp"
#include "config/load_config.hpp"
#include "data/word_vectors.hpp"
#include "launch/device_map.hpp"
#include "launch/topology.hpp"
#include "models/model_size.hpp"
#include "models/registry.hpp"
#include "nn/own_kernels.hpp"
#include "record/memory.hpp"
#include "tasks/task.hpp"
#include "train/cuda_graph.hpp"
#include "train/flat_optimizer.hpp"
#include "train/layer_costs.hpp"
#include "train/tf32.hpp"

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
  return plan;
}

// Pre-trained word vectors into the model's embedding; words that the file lacks keep their initial vectors.
void load_embeddings(Setup& setup) {
  const RunConfig& config = setup.config;
  const DatasetInfo& info = setup.data.train->info();
  if (config.data.embeddings.empty() || !info.words) return;  // without a vocabulary the data set refuses
  torch::Tensor weight;
  for (const torch::Tensor& parameter : setup.model->layers().front().layer->parameters())
    if (parameter.dim() == 2 && parameter.size(0) == info.vocabulary) weight = parameter;
  if (!weight.defined())
    throw input_error("{}: model {} has no embedding of words; remove it", config.place("data.embeddings"),
                      setup.model->name());
  WordVectors vectors =
      read_word_vectors(config.data.embeddings, *info.words, {weight.size(1), config.data.max_bytes});
  if (vectors.width != weight.size(1))
    throw input_error(
        "{}: vectors of {} numbers, but the model's embedding has {}; set model.embedding to {}",
        config.place("data.embeddings"), vectors.width, weight.size(1), vectors.width);
  const torch::NoGradGuard no_grad;
  const auto rows = static_cast<std::int64_t>(vectors.has.size());
  const torch::Tensor values = torch::from_blob(vectors.values.data(), {rows, vectors.width});
  const torch::Tensor has = torch::from_blob(vectors.has.data(), {rows, 1}, torch::kUInt8).to(torch::kBool);
  weight.narrow(0, 0, rows).copy_(torch::where(has, values, weight.narrow(0, 0, rows)));
  setup.data.notes.insert(setup.data.notes.end(), vectors.notes.begin(), vectors.notes.end());
  setup.data.notes.push_back(
      fmt::format("{}: vectors for {} of {} words", config.data.embeddings, vectors.found, rows));
}

void check_task(const Setup& setup) {
  if (setup.task == TaskKind::reconstruction && setup.config.data.normalise)
    throw input_error(
        "{}: {} reconstructs pixels from 0 to 1, and its inputs must be in that range; set it "
        "to false",
        setup.config.place("data.normalise"), setup.config.model.name);
}

// Keys of a split model belong to train_mp alone.
void check_split(const RunConfig& config, Mode mode, int ranks) {
  if (!splits_model(mode)) {
    // A resolved configuration gives every key, at its default too.
    const RunConfig::Parallel &given = config.parallel, fresh;
    for (const auto& [key, changed] : {std::pair("stages", given.stages.value_or(1) > 1),
                                       {"schedule", given.schedule != fresh.schedule},
                                       {"micro_batches", given.micro_batches.has_value()},
                                       {"chunks", given.chunks.has_value()},
                                       {"partition", given.partition != fresh.partition}}) {
      if (!changed) continue;
      throw input_error("{} splits the model, which {} does not; remove it, or run train_mp",
                        config.place(fmt::format("parallel.{}", key)),
                        mode == Mode::sequential ? "train_seq" : "train_ddp");
    }
    return;
  }
  const int stages = config.parallel.stages.value_or(ranks);
  if (stages > ranks || ranks % stages != 0)
    throw input_error(
        "{}: {} stages do not divide {} ranks; take a divisor, or start another number of ranks",
        config.place("parallel.stages"), stages, ranks);
}

void check_algorithm(const RunConfig& config, Mode mode) {
  if (config.parallel.algorithm == Algorithm::all_reduce) return;
  if (mode != Mode::data_parallel)
    throw input_error("{}: parameter_server is for data-parallel training; remove it, or run train_ddp",
                      config.place("parallel.algorithm"));
  if (config.parallel.reduce_dtype != ReduceDtype::fp32)
    throw input_error("{}: parameter_server reduces in fp32; remove it",
                      config.place("parallel.reduce_dtype"));
}

void check_sharding(const RunConfig& config, Mode mode) {
  if (!config.parallel.shards_optimizer()) return;
  const std::string place = config.place("parallel.shard");
  if (mode != Mode::data_parallel)
    throw input_error(
        "{}: only data-parallel training shards the optimizer; set it to none, or run train_ddp", place);
  if (config.parallel.algorithm != Algorithm::all_reduce)
    throw input_error(
        "{}: with parallel.algorithm parameter_server only rank 0 has an optimizer; set it to none, or the "
        "algorithm to all_reduce",
        place);
}

// What `parallel.shard: auto` comes to: where parameters lie in memory that the ranks have in common, sharding costs no
// exchange of them.
Sharding resolved_sharding(const Setup& setup) {
  if (setup.config.parallel.shard != Sharding::automatic) return setup.config.parallel.shard;
  const bool free = setup.mode == Mode::data_parallel && setup.communicator->shares_memory(setup.device);
  return free ? Sharding::optimizer : Sharding::none;
}

void check_reduction(const RunConfig& config, Mode mode) {
  if (!config.parallel.tries_reductions()) return;
  const bool sizes = !config.parallel.bucket_mb, split = splits_model(mode);
  if (split || (sizes && config.parallel.algorithm != Algorithm::all_reduce))
    throw input_error("{} is auto, but {} tries nothing out; set it to {}",
                      config.place(sizes ? "parallel.bucket_mb" : "parallel.overlap"),
                      split ? "train_mp" : "parameter_server", sizes ? "a number" : "true, false or thread");
}

void check_ablation(const RunConfig& config, Mode mode) {
  if (config.parallel.ablation == Ablation::none) return;
  if (mode == Mode::data_parallel && config.parallel.algorithm == Algorithm::all_reduce) return;
  throw input_error("{} is for data-parallel training; set it to none, or run train_ddp with all_reduce",
                    config.place("parallel.ablation"));
}

void set_up_simulation(Setup& setup, int rank, int ranks) {
  const RunConfig::Link& link = setup.config.parallel.link;
  if (setup.config.parallel.backend != BackendKind::sim) return;
  setup.sim = sim_options(setup.config, rank, ranks, setup.device.is_cpu());
  if (link.slow_rank == rank && link.slow_phase == SlowPhase::data)
    setup.loader_slow_factor = link.slow_factor;
}

void check_cuda_graph(const Setup& setup) {
  if (setup.config.training.cuda_graph != CudaGraphUse::on) return;
  const std::string obstacle = graph_obstacle(setup);
  if (!obstacle.empty())
    throw input_error("{}: {}; set it to auto", setup.config.place("training.cuda_graph"), obstacle);
}

// Over the back end of the configuration.
CommunicatorFactory communicators_of(const Setup& setup) {
  return [&setup](Group& ranks) {
    const RunConfig& config = setup.config;
    return make_communicator(config.parallel.backend, setup.device, ranks, config.place("parallel.backend"),
                             setup.sim);
  };
}

}  // namespace

int loader_threads(const Setup& setup, int rank) {
  const bool loads = setup.mode != Mode::parameter_server || rank == 0;
  return loads ? setup.config.data.workers : 0;
}

double moments_per_rank(const Setup& setup) {
  const double all = moments_of(setup.config.training.optimizer);
  return setup.config.parallel.shards_optimizer() ? all / setup.batches.ranks : all;
}

double gradients_per_rank(const Setup& setup) {
  return setup.config.parallel.shard == Sharding::gradients ? 1.0 / setup.batches.ranks : 1;
}

std::vector<int> node_of_ranks(World& world) {
  std::vector<std::string> names = world.all_gather(host_name());
  std::vector<int> nodes;
  for (const std::string& name : names)
    nodes.push_back(static_cast<int>(std::find(names.begin(), names.end(), name) - names.begin()));
  return nodes;
}

ModelInputs model_inputs(const DatasetInfo& info) {
  return {.sample_shape = info.sample_shape,
          .vocabulary = info.vocabulary,
          .classes = info.classes,
          .kind = info.kind,
          .target_length = info.target_shape.empty() ? 0 : info.target_shape[0],
          .target_vocabulary = info.target_vocabulary};
}

// Before the model is built: its values on the host, and on the device what a step needs for each. Where the
// parts of a split model go is known later.
void check_model_memory(const Setup& setup, int ranks_of_node) {
  const RunConfig& c = setup.config;
  const ModelSize size = model_size(c.model, model_inputs(setup.data.train->info()));
  const bool whole = !splits_model(setup.mode);
  const double trained =
      size.parameters * sizeof(float) * (gradients_per_rank(setup) + moments_per_rank(setup));
  const std::int64_t host = machine_memory_bytes() / ranks_of_node,
                     device = device_memory_bytes(setup.device, ranks_of_node);
  const std::string what =
      fmt::format("{}: the parameters of {} with these model. and data. keys{}", c.place("model.name"),
                  c.model.name, whole ? ", their gradients and the optimizer" : "");
  require_memory(size.value_bytes, host, what);
  if (whole) require_memory(size.value_bytes + trained, device, what);
}

void check_threads(const RunConfig& config) {
  const auto cpus = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  if (config.parallel.threads && *config.parallel.threads > cpus)
    throw input_error("{} is {}, but this node has {} logical CPUs; take at most that, or auto",
                      config.place("parallel.threads"), *config.parallel.threads, cpus);
}

void set_up_tf32(const RunConfig& config, torch::Device device) {
  if (config.training.tf32 && !device.is_cuda())
    throw input_error("{} is on, which only GPUs can do, but this run computes on the CPU; set it to off",
                      config.place("training.tf32"));
  if (device.is_cuda()) allow_tf32(config.training.tf32);
}

Setup prepare_setup(RunConfig config, Mode mode, int ranks, World& world) {
  Setup setup;
  setup.config = std::move(config);
  setup.asked_sharding = setup.config.parallel.shard;
  setup.mode = mode;
  check_model(setup.config);
  setup.config.model.preset = resolved_preset(setup.config.model);
  if (setup.config.run.name.empty()) setup.config.run.name = setup.config.model.name;
  const RunConfig& c = setup.config;
  check_split(c, mode, ranks);
  check_algorithm(c, mode);
  check_ablation(c, mode);
  check_reduction(c, mode);
  check_sharding(c, mode);
  const bool parameter_server = c.parallel.algorithm == Algorithm::parameter_server;
  if (parameter_server) {
    setup.mode = Mode::parameter_server;
    setup.config.parallel.overlap = Overlap::after;  // nothing does, and the run file says so
  }
  setup.hyper = resolved_hyper_parameters(c.model);
  check_threads(c);
  setup.threads = threads_per_rank(c, world);
  at::set_num_threads(setup.threads);
  setup.device = choose_device(c.parallel.device, c.parallel.backend, world, c.place("parallel.device"));
  set_up_tf32(c, setup.device);
  set_up_simulation(setup, world.rank(), ranks);
  setup.data = load_data_in_turn(c, world);
  const int stages = splits_model(mode) ? c.parallel.stages.value_or(ranks) : 1;
  setup.batches = plan_batches(c, *setup.data.train, ranks / stages);
  if (parameter_server) setup.batches.ranks = 1;  // rank 0 loads for all
  setup.total_steps =
      c.training.steps ? *c.training.steps : *c.training.epochs * setup.batches.steps_per_epoch();
  setup.task = model_task(c.model);
  check_task(setup);
  check_model_memory(setup, world.local_size());
  set_own_kernels(c.model.kernels == Kernels::own);
  setup.model = make_model(c.model, model_inputs(setup.data.train->info()), c.run.seed);
  load_embeddings(setup);
  setup.model->train();
  setup.facts = model_facts(*setup.model);
  return setup;
}

void split_model(Setup& setup, World& world, const CommunicatorFactory& of_stages) {
  const RunConfig& config = setup.config;
  const std::int64_t memory = world.min(device_memory_bytes(setup.device, world.local_size()));
  PipelinePlan plan =
      plan_pipeline(config, *setup.model, node_of_ranks(world), shared_layer_costs(setup, world), memory);
  setup.mode = pipeline_mode(config, plan.grid);
  setup.pipeline.emplace(make_pipeline(std::move(plan), *setup.model, setup.device, world, of_stages));
  setup.communicator = communicators_of(setup)(*world.split(setup.pipeline->stage));
  setup.model = local_model(*setup.pipeline, *setup.model);
  setup.model->train();
}

Setup make_setup(RunConfig config, Mode mode, World& world) {
  Setup setup = prepare_setup(std::move(config), mode, world.size(), world);
  require_agreement(world, {{"the digest of the training data", setup.data.train->info().digest}},
                    "the ranks have read different data", "give every node the same files");
  const RunConfig& c = setup.config;
  if (splits_model(mode))
    split_model(setup, world, communicators_of(setup));
  else
    setup.communicator = communicators_of(setup)(world);
  setup.config.parallel.shard = resolved_sharding(setup);
  setup.communicator->use_thread(c.parallel.overlap == Overlap::thread);
  check_cuda_graph(setup);
  setup.model->to(setup.device);
  // Weights follow from the seed alone; what is drawn later (dropout on a GPU) must differ between ranks.
  torch::manual_seed(splitmix64(c.run.seed + static_cast<std::uint64_t>(world.rank())));
  return setup;
}

std::string resolved_yaml(const Setup& setup) {
  RunConfig asked = setup.config;
  asked.parallel.shard = setup.asked_sharding;
  return to_yaml(asked, setup.hyper);
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
