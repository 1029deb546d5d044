// Your own model on GPUs, recorded on the device's own clock:
//
//   mpirun -np 2 ddp_your_cuda_model [FOLDER]
//   analyze FOLDER
//
// Phases are marks on the stream that LibTorch works on, so that nothing waits for the device: the host runs ahead as
// it would without a record. One GPU a rank talks NCCL; ranks that share one talk MPI. Without a GPU it does nothing.
#include <fmt/format.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/functional.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>
#include <torch/optim/adamw.h>

#include "comm/backends.hpp"
#include "launch/device_map.hpp"
#include "launch/session.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "record/run.hpp"

namespace {

constexpr std::int64_t kBatch = 64;  // of each rank
constexpr int kSteps = 50;

torch::nn::Sequential make_net() {
  return torch::nn::Sequential(torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 32, 3).padding(1)),
                               torch::nn::ReLU(), torch::nn::AdaptiveAvgPool2d(4), torch::nn::Flatten(),
                               torch::nn::Linear(32 * 4 * 4, 1));
}

// Images whose mean brightness is to be found, in page-locked memory, from which copies do not block.
torch::Tensor make_images(int rank) {
  torch::manual_seed(1 + static_cast<std::uint64_t>(rank));
  return (torch::rand({kBatch, 1, 28, 28}) * torch::rand({kBatch, 1, 1, 1})).pin_memory();
}

lockstep::ExitCode fit(lockstep::World& world, const std::string& folder) {
  using lockstep::BackendKind;
  const bool all_have_one = world.min(lockstep::visible_gpus()) > 0;
  if (!all_have_one) {
    if (world.rank() == 0) fmt::print("no GPU here: nothing is trained\n");
    return lockstep::ExitCode::done;
  }
  const torch::Device device =
      lockstep::choose_device(lockstep::DeviceKind::cuda, BackendKind::automatic, world);
  const auto communicator = lockstep::make_communicator(BackendKind::automatic, device, world);

  torch::nn::Sequential net = make_net();
  net->to(device);
  lockstep::DistributedDataParallel ddp(net.ptr(), *communicator);
  torch::optim::AdamW optimizer(net->parameters(), 1e-2);
  auto run = lockstep::Run(*communicator, {.module = net.ptr(),
                                           .output = folder,
                                           .model = "brightness",
                                           .data = {.name = "noise"},
                                           .weak_scaling = true});
  const torch::Tensor host = make_images(world.rank());
  torch::Tensor loss, first;
  for (int s = 0; s < kSteps; ++s) {
    auto step = run.step();
    torch::Tensor images;
    {
      const auto phase = step.phase("h2d");
      images = host.to(device, /*non_blocking=*/true);
    }
    {
      const auto phase = step.phase("forward");
      loss = (net->forward(images).view(-1) - images.mean({1, 2, 3})).square().mean();
    }
    {
      const auto phase = step.phase("backward");
      optimizer.zero_grad();
      loss.backward();
    }
    const auto phase = step.phase("optimizer");
    optimizer.step();
    step.samples(kBatch);
    step.loss(loss);  // read after the epoch: asking a device for a number would wait for it
    if (s == 0) first = loss.detach();
  }
  run.epoch();
  const bool fell = loss.item<float>() < first.item<float>() / 2;
  if (world.rank() == 0)
    fmt::print("{}: loss {}\n", name_of(communicator->backend()), fell ? "fell" : "did not fall");
  return fell ? run.finish() : lockstep::ExitCode::failed;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "experiments";
  return lockstep::run_main(argc, argv, lockstep::UseMpi::yes,
                            [&](lockstep::World& world) { return fit(world, folder); });
}
