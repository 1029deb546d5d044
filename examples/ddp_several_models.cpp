// Two models that train each other, each wrapped on its own: a generator and a critic.
//
//   mpirun -np 4 ddp_several_models
//
// The generator learns to shift noise to where the data are; the critic tells it which way. While one of them
// learns the other is frozen, so that only one reduces.
#include <fmt/format.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/adam.h>

#include <cmath>
#include <tuple>

#include "comm/backends.hpp"
#include "launch/device_map.hpp"
#include "launch/session.hpp"
#include "parallel/distributed_data_parallel.hpp"

namespace {

using torch::Tensor;

void set_trained(torch::nn::Module& module, bool trained) {
  for (Tensor& p : module.parameters()) p.requires_grad_(trained);
}

Tensor log_loss(const Tensor& logits, double label) {
  return at::binary_cross_entropy_with_logits(logits, torch::full_like(logits, label));
}

lockstep::ExitCode fit(lockstep::World& world) {
  using lockstep::BackendKind;
  const torch::Device device =
      lockstep::choose_device(lockstep::DeviceKind::automatic, BackendKind::automatic, world);
  const auto communicator = lockstep::make_communicator(BackendKind::automatic, device, world);
  torch::nn::Sequential generator(torch::nn::Linear(1, 1));
  torch::nn::Sequential critic(torch::nn::Linear(1, 32), torch::nn::Tanh(), torch::nn::Linear(32, 1));
  generator->to(device);
  critic->to(device);
  lockstep::DistributedDataParallel ddp_generator(generator.ptr(), *communicator);
  lockstep::DistributedDataParallel ddp_critic(critic.ptr(), *communicator);
  torch::optim::Adam adam_generator(generator->parameters(),
                                    torch::optim::AdamOptions(2e-2).betas(std::make_tuple(0.5, 0.9)));
  torch::optim::Adam adam_critic(critic->parameters(),
                                 torch::optim::AdamOptions(2e-2).betas(std::make_tuple(0.5, 0.9)));

  torch::manual_seed(1 + world.rank());
  for (int step = 0; step < 500; ++step) {
    const Tensor real = torch::randn({64, 1}, device) + 4, noise = torch::randn({64, 1}, device);
    adam_critic.zero_grad();
    const Tensor fake = generator->forward(noise).detach();
    (log_loss(critic->forward(real), 1) + log_loss(critic->forward(fake), 0)).backward();
    adam_critic.step();

    set_trained(*critic, false);
    adam_generator.zero_grad();
    log_loss(critic->forward(generator->forward(noise)), 1).backward();
    adam_generator.step();
    set_trained(*critic, true);
  }
  const torch::NoGradGuard no_grad;
  const float mean = generator->forward(torch::zeros({1, 1}, device)).item<float>();
  const bool found = std::abs(mean - 4) < 1;
  if (world.rank() == 0)
    fmt::print("{} ranks: the data are around 4, what is generated around {:.2f}: {}\n", world.size(), mean,
               found ? "learnt" : "not learnt");
  return found ? lockstep::ExitCode::done : lockstep::ExitCode::failed;
}

}  // namespace

int main(int argc, char** argv) { return lockstep::run_main(argc, argv, lockstep::UseMpi::yes, fit); }
