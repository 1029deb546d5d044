// own_loop --config F --set ...: what train_ddp trains, by a loop of its own around LibTorch's optimizer, the
// public DistributedDataParallel and the public recorder. One process a rank, on the CPU.
#include <torch/optim/sgd.h>

#include "config/command_line.hpp"
#include "config/load_config.hpp"
#include "launch/session.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "record/run.hpp"
#include "train/setup.hpp"
#include "train/training_step.hpp"

using namespace lockstep;

namespace {

// The bucket sizes, the link and the like are the configuration's.
DistributedOptions wrapping(const RunConfig& config) {
  DistributedOptions options;
  options.bucket_sizes = {config.parallel.first_bucket_mb, config.parallel.bucket_mb.value()};
  options.overlap = config.parallel.overlap.value() != Overlap::after;
  options.average = false;  // a loss share is already part of the global mean
  return options;
}

RunOptions recording(const Setup& setup, const CommandLine& line) {
  const DataFacts data = data_facts(setup.data);
  return {.module = setup.model,
          .output = line.output,
          .model = setup.model->name(),
          .data = {.name = data.name, .train_rows = data.train_rows, .test_rows = data.test_rows},
          .seed = setup.config.run.seed,
          .quiet = line.quiet};
}

struct Loop {
  Loop(Setup& given, World& world, const CommandLine& line)
      : setup(given),
        task(make_task(setup.task, setup.data.train->info())),
        loader(setup.data.train, setup.batches, world.rank(), setup.config.data.workers, 4, false),
        ddp(setup.model, *setup.communicator, wrapping(setup.config)),
        optimizer(setup.model->parameters(), setup.config.training.optimizer.lr),
        run(*setup.communicator, recording(setup, line)) {}

  void step(std::int64_t number) {
    auto step = run.step();
    StepBatch batch;
    torch::Tensor loss;
    {
      const auto phase = step.phase("data");
      const LoadedBatch& loaded = loader.next();
      batch = to_device(loaded, *task, setup.device, loaded.targets.size(0));
      step.samples(loaded.ids, loaded.padding);
    }
    {
      const auto phase = step.phase("forward");
      setup.model->dropout_context() = {setup.config.run.seed, number, batch.first_sample};
      loss = task->loss_share(setup.model->forward(batch.inputs), batch);
    }
    {
      const auto phase = step.phase("backward");
      optimizer.zero_grad();
      loss.backward();
    }
    const auto phase = step.phase("optimizer");
    optimizer.step();
    step.loss(loss.item<double>() * static_cast<double>(batch.step_samples) /
              static_cast<double>(batch.samples));
  }

  Setup& setup;
  std::unique_ptr<Task> task;
  Loader loader;
  DistributedDataParallel ddp;
  torch::optim::SGD optimizer;
  Run run;
};

ExitCode train(const CommandLine& line, World& world) {
  Setup setup = make_setup(load_config(line.config, line.sets), Mode::data_parallel, world);
  Loop loop(setup, world, line);
  const std::int64_t per_epoch = setup.batches.steps_per_epoch();
  for (std::int64_t done = 0; done < setup.total_steps;) {
    const std::int64_t end = std::min(done + per_epoch, setup.total_steps);
    loop.loader.begin_epoch(done / per_epoch);
    const std::int64_t steps = end - done;
    while (done < end) loop.step(done++);
    loop.run.epoch({.rows = std::min(setup.batches.dataset_size, steps * setup.batches.global_batch)});
  }
  return loop.run.finish();
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(argc, argv, UseMpi::yes,
                  [&](World& world) { return train(parse_command_line(argc, argv, "own_loop"), world); });
}
