// What recording a loop of one's own costs a step: two equal modules, both in a DistributedDataParallel, one of them
// recorded by Run, trained in turn, step by step, so that whatever else the machine does meets both. One thread a
// rank. The fastest tenth of the steps tells what an undisturbed one takes.
//   mpirun -np 1 recorder_cost FOLDER    # FOLDER: for the run files, which say what they reckon it costs
//   mpirun -np 2 recorder_cost FOLDER
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/optim/sgd.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/layered_module.hpp"
#include "comm/backends.hpp"
#include "launch/session.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "record/run.hpp"
#include "results/run_reader.hpp"
#include "timing/clock.hpp"

using namespace lockstep;

namespace {

constexpr int kSteps = 400;

constexpr Shape kShapes[] = {
    {"few_large_layers", 4, 512, 64}, {"many_small_layers", 100, 32, 16}, {"one_tiny_layer", 1, 64, 64}};

// A module over a communicator of its own, and how long each of its steps took.
struct Contender {
  Contender(const Shape& shape, World& world)
      : communicator(make_communicator(BackendKind::automatic, c10::kCPU, world)),
        net(make(shape)),
        ddp(net.ptr(), *communicator),
        optimizer(net->parameters(), 0.01) {}

  void plain_step(const at::Tensor& x) {
    const SteadyTime begin = steady_now();
    {  // at its end autograd's graph goes, which takes a while
      const at::Tensor loss = net->forward(x).square().mean();
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
    }
    seconds.push_back(seconds_between(begin, steady_now()));
  }

  void recorded_step(const at::Tensor& x, Run& run) {
    const SteadyTime begin = steady_now();
    {
      auto step = run.step();
      at::Tensor loss;
      {
        const auto phase = step.phase("forward");
        loss = net->forward(x).square().mean();
      }
      {
        const auto phase = step.phase("backward");
        optimizer.zero_grad();
        loss.backward();
      }
      const auto phase = step.phase("optimizer");
      optimizer.step();
      step.samples(x.size(0));
      step.loss(loss);
    }
    seconds.push_back(seconds_between(begin, steady_now()));
  }

  double quantile(double share) const { return quantile_of(seconds, share); }

  std::unique_ptr<Communicator> communicator;
  torch::nn::Sequential net;
  DistributedDataParallel ddp;
  torch::optim::SGD optimizer;
  std::vector<double> seconds;
};

void measure(const Shape& shape, World& world, const std::string& folder) {
  Contender plain(shape, world), recorded(shape, world);
  Run run(*recorded.communicator,
          {.module = recorded.net.ptr(), .output = folder, .model = shape.name, .quiet = true});
  const at::Tensor x = at::randn({shape.batch, shape.width});
  for (int step = 0; step < kSteps + kWarmUp; ++step) {
    plain.plain_step(x);
    recorded.recorded_step(x, run);
  }
  run.epoch();
  run.finish();
  if (world.rank() != 0) return;
  const double without = plain.quantile(0.1), with = recorded.quantile(0.1);
  fmt::print("{:<18} {:>5} {:>9.4f} {:>9.4f} {:>+8.2f} % {:>8.2f} us {:>8.3f} %\n", shape.name, world.size(),
             1e3 * without, 1e3 * with, 100 * (with / without - 1), 1e6 * (with - without),
             100 * read_run(run.folder() + "/run.h5").recorder_overhead);
}

ExitCode measure_all(World& world, const std::string& folder) {
  at::set_num_threads(1);
  if (world.rank() == 0)
    fmt::print("{:<18} {:>5} {:>9} {:>9} {:>10} {:>11} {:>10}\n", "module", "ranks", "plain ms", "recorded",
               "more", "a step", "run file");
  for (const Shape& shape : kShapes) measure(shape, world, folder);
  return ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "experiments";
  return run_main(argc, argv, UseMpi::yes, [&](World& world) { return measure_all(world, folder); });
}
