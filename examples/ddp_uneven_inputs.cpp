// Ranks with unequal numbers of batches: every batch counts, and no rank waits for another that has ended.
//
//   mpirun -np 4 ddp_uneven_inputs
#include <fmt/format.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>

#include <vector>

#include "comm/backends.hpp"
#include "launch/device_map.hpp"
#include "launch/session.hpp"
#include "parallel/join.hpp"

namespace {

// Points of y = 2 x1 - 3 x2 + 1; rank r has 40 + 10 r batches.
std::vector<torch::Tensor> batches_of(int rank, const torch::Device& device) {
  torch::manual_seed(1 + static_cast<std::uint64_t>(rank));
  std::vector<torch::Tensor> batches;
  for (int i = 0; i < 40 + 10 * rank; ++i) batches.push_back(torch::randn({16, 2}, device));
  return batches;
}

lockstep::ExitCode fit(lockstep::World& world) {
  using lockstep::BackendKind;
  const torch::Device device =
      lockstep::choose_device(lockstep::DeviceKind::automatic, BackendKind::automatic, world);
  const auto communicator = lockstep::make_communicator(BackendKind::automatic, device, world);
  torch::nn::Linear net(2, 1);
  net->to(device);
  lockstep::DistributedDataParallel ddp(net.ptr(), *communicator);
  torch::optim::SGD optimizer(net->parameters(), 0.1);

  const std::vector<torch::Tensor> batches = batches_of(world.rank(), device);
  lockstep::Join join(ddp);
  std::size_t next = 0;
  int steps = 0;
  for (; join.next(next < batches.size()); ++steps) {
    optimizer.zero_grad();
    if (join.has_batch()) {
      const torch::Tensor& x = batches[next++];
      const torch::Tensor y = 2 * x.select(1, 0) - 3 * x.select(1, 1) + 1;
      (net->forward(x).squeeze(1) - y).square().mean().backward();
    } else {
      join.take_part();
    }
    optimizer.step();
  }
  const float error = (net->bias - 1).abs().item<float>();
  if (world.rank() == 0)
    fmt::print("rank 0 had {} batches, all {} ranks took {} steps: the line was {}\n", batches.size(),
               world.size(), steps, error < 1e-3F ? "found" : "not found");
  return error < 1e-3F ? lockstep::ExitCode::done : lockstep::ExitCode::failed;
}

}  // namespace

int main(int argc, char** argv) { return lockstep::run_main(argc, argv, lockstep::UseMpi::yes, fit); }
