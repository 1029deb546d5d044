// Your own torch::nn::Module, data-parallel on as many ranks as you start:
//
//   mpirun -np 4 ddp_your_model
//
// It fits y = sin(x) on random points; each rank draws its own. On one GPU per rank the gradients travel by
// NCCL, else by MPI.
#include <fmt/format.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/adam.h>

#include "comm/backends.hpp"
#include "launch/device_map.hpp"
#include "launch/session.hpp"
#include "parallel/distributed_data_parallel.hpp"

namespace {

struct YourNet : torch::nn::Module {
  YourNet() {
    layers = register_module("layers", torch::nn::Sequential(torch::nn::Linear(1, 64), torch::nn::Tanh(),
                                                             torch::nn::Linear(64, 64), torch::nn::Tanh(),
                                                             torch::nn::Linear(64, 1)));
  }
  torch::Tensor forward(const torch::Tensor& x) { return layers->forward(x); }  // (B, 1) -> (B, 1)
  torch::nn::Sequential layers{nullptr};
};

lockstep::ExitCode fit(lockstep::World& world) {
  using lockstep::BackendKind;
  const torch::Device device =
      lockstep::choose_device(lockstep::DeviceKind::automatic, BackendKind::automatic, world);
  const auto communicator = lockstep::make_communicator(BackendKind::automatic, device, world);

  auto net = std::make_shared<YourNet>();
  net->to(device);
  lockstep::DistributedDataParallel ddp(net, *communicator);  // all ranks now hold rank 0's weights
  torch::optim::Adam optimizer(net->parameters(), 1e-2);

  torch::manual_seed(1 + world.rank());  // each rank its own data
  float first = 0, last = 0;
  for (int step = 0; step < 300; ++step) {
    const torch::Tensor x = torch::rand({32, 1}, device) * 6 - 3;
    const torch::Tensor loss = (net->forward(x) - x.sin()).square().mean();
    optimizer.zero_grad();
    loss.backward();  // on return the gradients are averaged over all ranks
    optimizer.step();
    if (step == 0) first = loss.item<float>();
    last = loss.item<float>();
  }
  if (world.rank() == 0)
    fmt::print("{} ranks, {}: loss {} from {:.4f} to {:.4f}\n", world.size(), communicator->backend(),
               last < first / 10 ? "fell" : "did not fall", first, last);
  return last < first / 10 ? lockstep::ExitCode::done : lockstep::ExitCode::failed;
}

}  // namespace

int main(int argc, char** argv) { return lockstep::run_main(argc, argv, lockstep::UseMpi::yes, fit); }
