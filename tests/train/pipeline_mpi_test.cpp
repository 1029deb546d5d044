// Split models train as whole ones do: parameters after 50 SGD steps equal those of sequential training.
#include "reference.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

bool normalises(const RunConfig& config) {
  return config.model.name == "vgg11" || config.model.preset == "cifar10";
}

// Batch normalisation sees a micro-batch at a time: so must what it is compared with.
Reference train_alone(RunConfig config, int sub_batches) {
  if (normalises(config)) config.training.accumulate = sub_batches;
  return Reference(config);
}

std::shared_ptr<Model> train_split(const RunConfig& config) { return train(config, "mp", world()); }

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
  const int ranks = world().size();
  for (const Case& c : cases()) {
    const Reference pipelined = train_alone(split_config(c, PipelineSchedule::gpipe, ranks), 4);
    const Reference layerwise = train_alone(split_config(c, PipelineSchedule::layerwise, ranks), 1);
    for (const auto schedule : {PipelineSchedule::layerwise, PipelineSchedule::gpipe,
                                PipelineSchedule::one_f_one_b, PipelineSchedule::interleaved}) {
      const int chunks = schedule == PipelineSchedule::interleaved ? 2 * ranks : ranks;
      if (layers_of(c) < static_cast<std::size_t>(chunks)) continue;
      check_equal(name_of(c) + ", " + name_of(schedule),
                  schedule == PipelineSchedule::layerwise ? layerwise : pipelined,
                  state_of(*train_split(split_config(c, schedule, ranks))));
    }
  }
}

TEST_CASE("a hybrid grid equals sequential training") {
  const int ranks = world().size();
  if (ranks < 4) return;
  for (const Case& c : cases()) {
    if (layers_of(c) < 2) continue;
    RunConfig config = split_config(c, PipelineSchedule::one_f_one_b, 2);
    config.training.global_batch = 4 * ranks / 2 * 4;  // four rows for each micro-batch of each replica
    // Running statistics are each replica's own.
    check_equal(name_of(c) + ", hybrid", train_alone(config, 4 * ranks / 2),
                parameters_of(*train_split(config)));
  }
}

TEST_CASE("a last batch that does not divide into micro-batches changes nothing") {
  for (const std::string model : {"nbow", "gpt", "seq2seq"}) {
    const Case& c = case_of(model);
    if (layers_of(c) < static_cast<std::size_t>(world().size())) continue;
    RunConfig config = split_config(c, PipelineSchedule::gpipe, world().size());
    config.data.samples = 300;
    check_equal(name_of(c) + ", short last batch", train_alone(config, 1), state_of(*train_split(config)));
  }
}

TEST_CASE("partitions, accumulation, clipping and dropout change nothing") {
  const int ranks = world().size();
  RunConfig config = split_config(case_of("transformer"), PipelineSchedule::one_f_one_b, ranks);
  config.model.hyper.front() = hyper("dropout", "0.1");
  config.training.accumulate = 2;
  config.training.grad_clip = 0.5;
  const Reference reference = train_alone(config, 1);
  for (const auto kind : {Partition::Kind::published, Partition::Kind::even, Partition::Kind::automatic}) {
    if (ranks > 2 && kind == Partition::Kind::published) continue;
    config.parallel.partition.kind = kind;
    check_equal("transformer small, partition " + std::to_string(static_cast<int>(kind)), reference,
                state_of(*train_split(config)));
  }
}
