// A checkpoint of LibTorch's own, and a run that goes on from it as if it had never stopped.
//
//   mpirun -np 4 ddp_checkpoint [FOLDER]
//
// Rank 0 writes model and optimizer, and removes the files at the end of this example. To resume, rank 0
// reads the model and broadcast_module() hands it on; every rank reads the optimizer's state, which is the
// same on all. torch::load runs what the file says: read only files of your own.
#include <fmt/format.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/adamw.h>
#include <torch/serialize.h>

#include <filesystem>

#include "comm/backends.hpp"
#include "launch/device_map.hpp"
#include "launch/session.hpp"
#include "parallel/distributed_data_parallel.hpp"

namespace {

namespace fs = std::filesystem;

torch::nn::Sequential make_net(const torch::Device& device) {
  torch::nn::Sequential net(torch::nn::Linear(4, 32), torch::nn::Tanh(), torch::nn::Linear(32, 1));
  net->to(device);
  return net;
}

// Steps begin to end; the data of a step follow from its number and the rank.
void train(torch::nn::Sequential& net, torch::optim::Optimizer& optimizer, int rank, int begin, int end,
           const torch::Device& device) {
  for (int step = begin; step < end; ++step) {
    torch::manual_seed(static_cast<std::uint64_t>(1000 * step + rank));
    const torch::Tensor x = torch::randn({16, 4}, device);
    optimizer.zero_grad();
    (net->forward(x).squeeze(1) - x.prod(1)).square().mean().backward();
    optimizer.step();
  }
}

lockstep::ExitCode run(lockstep::World& world, const fs::path& folder) {
  using lockstep::BackendKind;
  const torch::Device device =
      lockstep::choose_device(lockstep::DeviceKind::automatic, BackendKind::automatic, world);
  const auto communicator = lockstep::make_communicator(BackendKind::automatic, device, world);
  const std::string model_file = folder / "ddp_checkpoint_model.pt",
                    state_file = folder / "ddp_checkpoint_adamw.pt";

  auto net = make_net(device);
  lockstep::DistributedDataParallel ddp(net.ptr(), *communicator);
  torch::optim::AdamW optimizer(net->parameters(), 1e-2);
  train(net, optimizer, world.rank(), 0, 20, device);
  if (world.rank() == 0) {
    torch::save(net, model_file);
    torch::save(optimizer, state_file);
  }
  world.barrier();
  train(net, optimizer, world.rank(), 20, 40, device);

  auto resumed = make_net(device);
  lockstep::DistributedDataParallel resumed_ddp(resumed.ptr(), *communicator);
  torch::optim::AdamW resumed_optimizer(resumed->parameters(), 1e-2);
  if (world.rank() == 0) torch::load(resumed, model_file);
  resumed_ddp.broadcast_module();
  torch::load(resumed_optimizer, state_file);
  train(resumed, resumed_optimizer, world.rank(), 20, 40, device);

  world.barrier();
  if (world.rank() == 0)
    for (const std::string& file : {model_file, state_file}) fs::remove(file);
  bool same = true;
  for (std::size_t i = 0; i < net->parameters().size(); ++i)
    same = same && torch::allclose(net->parameters()[i], resumed->parameters()[i], 1e-5, 1e-6);
  if (world.rank() == 0)
    fmt::print("{} ranks: 20 steps after the checkpoint the resumed run has {} weights\n", world.size(),
               same ? "the same" : "other");
  return same ? lockstep::ExitCode::done : lockstep::ExitCode::failed;
}

}  // namespace

int main(int argc, char** argv) {
  const fs::path folder = argc > 1 ? argv[1] : fs::temp_directory_path();
  return lockstep::run_main(argc, argv, lockstep::UseMpi::yes,
                            [&](lockstep::World& world) { return run(world, folder); });
}
