// recorded_loop MODE FOLDER: a recorded loop of two epochs that ends as MODE says; the subject of loops.sh.
#include <signal.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>

#include <stdexcept>
#include <string>

#include "comm/backends.hpp"
#include "launch/session.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "record/run.hpp"

using namespace lockstep;

namespace {

constexpr std::int64_t kRows = 64, kBatch = 8;

// In the second epoch, in the phase forward.
void harm(const std::string& mode, int rank) {
  if (mode == "kill_rank" && rank == 1) raise(SIGKILL);
  if (mode == "kill_root" && rank == 0) raise(SIGKILL);
  if (mode == "throw_one" && rank == 1) throw std::runtime_error("the tape is torn");
  if (mode == "throw_root" && rank == 0) throw std::runtime_error("the tape is torn");
  if (mode == "throw_all") throw input_error("tape.csv:3: no number");
}

ExitCode loop(World& world, const std::string& mode, const std::string& folder) {
  const auto communicator = make_communicator(BackendKind::automatic, torch::kCPU, world);
  torch::nn::Linear net(4, 1);
  const DistributedDataParallel ddp(net.ptr(), *communicator);
  torch::optim::SGD optimizer(net->parameters(), 0.01);
  Run run(*communicator, {.module = net.ptr(),
                          .output = folder,
                          .model = "line",
                          .data = {.name = "tape", .train_rows = kRows},
                          .quiet = true});
  for (int epoch = 0; epoch < 2; ++epoch) {
    for (std::int64_t row = 0; row < kRows; row += kBatch) {
      auto step = run.step();
      if (mode == "numbers")
        step.samples(kBatch / world.size());
      else
        step.samples(torch::arange(row + world.rank(), row + kBatch, world.size()));
      torch::Tensor loss;
      if (mode != "bare") {
        const auto phase = step.phase(mode == "misspelt" ? "foward" : "forward");
        if (epoch == 1 && row == 3 * kBatch) harm(mode, world.rank());
        loss = net->forward(torch::ones({kBatch, 4})).square().mean();
        const auto backward = step.phase("backward");
        optimizer.zero_grad();
        loss.backward();
      }
      if (loss.defined()) {
        const auto phase = step.phase("optimizer");
        optimizer.step();
        step.loss(loss);
      }
      if (mode == "part" && world.rank() == 1) net->weight.data().add_(1);
    }
    run.epoch();
  }
  return run.finish();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "clean", folder = argc > 2 ? argv[2] : "experiments";
  return run_main(argc, argv, UseMpi::yes, [&](World& world) { return loop(world, mode, folder); },
                  {.seconds = 60, .setting = "the limit"});
}
