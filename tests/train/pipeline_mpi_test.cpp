// Split models train as whole ones do: parameters after 50 SGD steps equal those of sequential training.
#include <mpi.h>

#include <map>

#include "comm/mpi_communicator.hpp"
#include "comm/mpi_group.hpp"
#include "comm/self_communicator.hpp"
#include "parity.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

using Parameters = std::map<std::string, torch::Tensor>;

Parameters named(const Model& model) {
  Parameters result;
  for (const auto& parameter : model.named_parameters()) result[parameter.key()] = parameter.value();
  return result;
}

bool normalises(const RunConfig& config) {
  return config.model.name == "vgg11" || config.model.preset == "cifar10";
}

// Batch normalisation sees a micro-batch at a time: so must what it is compared with.
Parameters train_alone(RunConfig config, int sub_batches) {
  if (normalises(config)) config.training.accumulate = sub_batches;
  const auto self = make_self_communicator();
  return named(*train_replicated(config, *self));
}

Parameters train_split(const RunConfig& config) {
  MPI_Comm comm = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &comm);
  MpiGroup ranks(comm);
  const DataSplits data = load_data(config, 1);
  const auto whole = make_model(config.model, model_inputs(data.train->info()), config.run.seed);
  const std::vector<int> one_node(static_cast<std::size_t>(ranks.size()), 0);
  std::vector<LayerCost> costs(whole->layers().size());
  for (LayerCost& cost : costs) cost.forward_seconds = cost.backward_seconds = 1;
  Pipeline pipeline =
      make_pipeline(plan_pipeline(config, *whole, one_node, costs, {}), *whole, torch::kCPU, ranks, config);
  const auto group = ranks.split(pipeline.stage);
  const auto replicas = make_mpi_communicator(dynamic_cast<MpiGroup&>(*group).comm());
  const auto local = local_model(pipeline, *whole);
  local->train();
  const auto strategy = make_pipeline_strategy("test", pipeline, local, *replicas, config, nullptr);
  train_steps(config, data, *strategy);
  return named(*local);
}

double largest_difference(const Parameters& whole, const Parameters& part) {
  double largest = 0;
  for (const auto& [name, value] : part) {
    // The head's own copy of a tied weight is the embedding's.
    const auto& expected = whole.count(name) ? whole.at(name) : whole.at("embedding.weight");
    largest = std::max(largest, (value - expected).abs().max().item<double>());
  }
  return largest;
}

int world_size() {
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

RunConfig split_config(const Case& c, PipelineSchedule schedule, int stages) {
  RunConfig config = configure(c);
  config.parallel.sync_batchnorm = false;
  config.parallel.schedule = schedule;
  config.parallel.stages = stages;
  config.parallel.partition.kind = Partition::Kind::even;
  config.training.global_batch = 16;
  if (normalises(config)) config.training.optimizer.lr = 0.001;  // two rows: rounding grows at more
  config.data.samples = 320;  // no short batch: normalising one row is too unstable to compare
  return config;
}

std::size_t layers_of(const Case& c) {
  const RunConfig config = configure(c);
  return make_model(config.model, model_inputs(load_data(config, 1).train->info()), 1)->layers().size();
}

}  // namespace

TEST_CASE("every model under every schedule equals sequential training") {
  const int ranks = world_size();
  for (const Case& c : cases()) {
    const Parameters expected = train_alone(split_config(c, PipelineSchedule::gpipe, ranks), 4);
    const Parameters layerwise = train_alone(split_config(c, PipelineSchedule::layerwise, ranks), 1);
    for (const auto schedule : {PipelineSchedule::layerwise, PipelineSchedule::gpipe,
                                PipelineSchedule::one_f_one_b, PipelineSchedule::interleaved}) {
      const int chunks = schedule == PipelineSchedule::interleaved ? 2 * ranks : ranks;
      if (layers_of(c) < static_cast<std::size_t>(chunks)) continue;
      CAPTURE(c.model, c.preset, name_of(schedule));
      const bool whole_batch = schedule == PipelineSchedule::layerwise;
      CHECK(largest_difference(whole_batch ? layerwise : expected,
                               train_split(split_config(c, schedule, ranks))) < kTolerance);
    }
  }
}

TEST_CASE("a hybrid grid equals sequential training") {
  const int ranks = world_size();
  if (ranks < 4) return;
  for (const Case& c : cases()) {
    if (layers_of(c) < 2) continue;
    CAPTURE(c.model, c.preset);
    const RunConfig config = split_config(c, PipelineSchedule::one_f_one_b, 2);
    CHECK(largest_difference(train_alone(config, 4 * ranks / 2), train_split(config)) < kTolerance);
  }
}

TEST_CASE("a last batch that does not divide into micro-batches changes nothing") {
  for (const std::string model : {"nbow", "gpt", "seq2seq"}) {
    const Case& c = case_of(model);
    if (layers_of(c) < static_cast<std::size_t>(world_size())) continue;
    CAPTURE(model);
    RunConfig config = split_config(c, PipelineSchedule::gpipe, world_size());
    config.data.samples = 300;
    CHECK(largest_difference(train_alone(config, 1), train_split(config)) < kTolerance);
  }
}

TEST_CASE("partitions, accumulation, clipping and dropout change nothing") {
  const int ranks = world_size();
  const Case& c = case_of("transformer");
  RunConfig config = split_config(c, PipelineSchedule::one_f_one_b, ranks);
  config.model.hyper = {hyper("dropout", "0.1")};
  config.training.accumulate = 2;
  config.training.grad_clip = 0.5;
  const Parameters expected = train_alone(config, 1);
  for (const auto kind : {Partition::Kind::published, Partition::Kind::even, Partition::Kind::automatic}) {
    if (ranks > 2 && kind == Partition::Kind::published) continue;
    config.parallel.partition.kind = kind;
    CAPTURE(static_cast<int>(kind));
    CHECK(largest_difference(expected, train_split(config)) < kTolerance);
  }
}
