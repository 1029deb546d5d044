// Your own torch::nn::Module, data-parallel on as many ranks as you start, and recorded for analyze:
//
//   mpirun -np 4 ddp_your_model [FOLDER]
//   analyze FOLDER
//
// It fits y = sin(x) to 1920 points that the ranks share out among them. On one GPU per rank the gradients travel
// by NCCL, else by MPI. Without FOLDER the record goes to experiments/.
#include <fmt/format.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/adam.h>

#include "comm/backends.hpp"
#include "launch/device_map.hpp"
#include "launch/session.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "record/run.hpp"

namespace {

constexpr std::int64_t kRows = 1920, kBatch = 64;  // of all ranks together

struct YourNet : torch::nn::Module {
  YourNet() {
    layers = register_module("layers", torch::nn::Sequential(torch::nn::Linear(1, 64), torch::nn::Tanh(),
                                                             torch::nn::Linear(64, 64), torch::nn::Tanh(),
                                                             torch::nn::Linear(64, 1)));
  }
  torch::Tensor forward(const torch::Tensor& x) { return layers->forward(x); }  // (B, 1) -> (B, 1)
  torch::nn::Sequential layers{nullptr};
};

lockstep::ExitCode fit(lockstep::World& world, const std::string& folder) {
  using lockstep::BackendKind;
  const torch::Device device =
      lockstep::choose_device(lockstep::DeviceKind::automatic, BackendKind::automatic, world);
  const auto communicator = lockstep::make_communicator(BackendKind::automatic, device, world);

  auto net = std::make_shared<YourNet>();
  net->to(device);
  lockstep::DistributedDataParallel ddp(net, *communicator);  // all ranks now hold rank 0's weights
  torch::optim::Adam optimizer(net->parameters(), 1e-2);
  torch::manual_seed(1);
  const torch::Tensor points = torch::rand({kRows, 1}) * 6 - 3;  // the same on every rank

  auto run = lockstep::Run(*communicator, {.module = net,
                                           .output = folder,
                                           .data = {.name = "sine", .train_rows = kRows},
                                           .settings = {{"training.optimizer.lr", "0.01"}}});
  float first = 0, last = 0;
  for (int epoch = 0; epoch < 10; ++epoch) {
    for (std::int64_t row = 0; row < kRows; row += kBatch) {
      auto step = run.step();
      torch::Tensor x, loss;
      {
        const auto phase = step.phase("data");
        const torch::Tensor ids = torch::arange(row + world.rank(), row + kBatch, world.size());
        x = points.index_select(0, ids).to(device);
        step.samples(ids);  // which rows: then analyze can say whether each was trained on once
      }
      {
        const auto phase = step.phase("forward");
        loss = (net->forward(x) - x.sin()).square().mean();
      }
      {
        const auto phase = step.phase("backward");
        optimizer.zero_grad();
        loss.backward();  // on return the gradients are averaged over all ranks
      }
      const auto phase = step.phase("optimizer");
      optimizer.step();
      step.loss(loss);
      if (epoch == 0 && row == 0) first = loss.item<float>();
      last = loss.item<float>();
    }
    run.epoch();
  }
  if (world.rank() == 0)
    fmt::print("{} ranks, {}: loss {} from {:.4f} to {:.4f}\n", world.size(),
               name_of(communicator->backend()), last < first / 10 ? "fell" : "did not fall", first, last);
  return last < first / 10 ? run.finish() : lockstep::ExitCode::failed;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "experiments";
  return lockstep::run_main(argc, argv, lockstep::UseMpi::yes,
                            [&](lockstep::World& world) { return fit(world, folder); });
}
