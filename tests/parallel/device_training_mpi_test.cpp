// A wrapped module on GPUs, trained beside the same module alone on the CPU with all ranks' rows: over NCCL where every
// rank has a GPU of its own, else over MPI, by which ranks can share one.
#include <mpi.h>
#include <torch/cuda.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>

#include <iostream>

#include "comm/backends.hpp"
#include "launch/flight_recorder.hpp"
#include "launch/mpi_group.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "support/catch.hpp"
#include "support/close_tensors.hpp"
#include "support/gpu.hpp"

using namespace lockstep;
using torch::Tensor;

namespace {

constexpr int kSteps = 12;
constexpr std::int64_t kRows = 6;  // of each rank and pass

// `late` is used from the fourth step on, and `never` not at all.
struct Net : torch::nn::Module {
  torch::nn::Conv2d conv{
      register_module("conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(2, 8, 3).padding(1)))};
  torch::nn::Linear hidden{register_module("hidden", torch::nn::Linear(8 * 36, 70))};
  torch::nn::Linear late{register_module("late", torch::nn::Linear(70, 70))};
  torch::nn::Linear never{register_module("never", torch::nn::Linear(3, 5))};
  torch::nn::Linear head{register_module("head", torch::nn::Linear(70, 3))};

  Tensor forward(const Tensor& x, bool with_late) {
    Tensor y = at::tanh(hidden->forward(at::tanh(conv->forward(x)).flatten(1)));
    if (with_late) y = y + late->forward(y);
    return head->forward(y);
  }
};

std::shared_ptr<Net> make_net() {
  torch::manual_seed(11);
  return std::make_shared<Net>();
}

struct Batch {
  Tensor x, y;
};

Batch make_batch(int number, int ranks) {
  torch::manual_seed(200 + static_cast<std::uint64_t>(number));
  return {torch::randn({kRows * ranks, 2, 6, 6}), torch::randn({kRows * ranks, 3})};
}

Tensor loss_of(Net& net, const Batch& batch, int step) {
  return (net.forward(batch.x, step >= 3) - batch.y).square().mean();
}

struct Options {
  DistributedOptions ddp;
  int passes = 1;  // of a step; all but the last only accumulate
};

void train(Net& alone, Net& wrapped, DistributedDataParallel& ddp, const Options& options,
           const torch::Device& device) {
  Communicator& c = ddp.communicator();
  const auto options_of_sgd = torch::optim::SGDOptions(0.05).momentum(0.9);
  torch::optim::SGD ours(wrapped.parameters(), options_of_sgd), plain(alone.parameters(), options_of_sgd);
  for (int step = 0; step < kSteps; ++step) {
    ddp.zero_grad();
    plain.zero_grad();
    for (int pass = 0; pass < options.passes; ++pass) {
      const Batch all = make_batch(step * options.passes + pass, c.size());
      const Batch mine{all.x.narrow(0, kRows * c.rank(), kRows).to(device),
                       all.y.narrow(0, kRows * c.rank(), kRows).to(device)};
      loss_of(alone, all, step).backward();
      if (pass + 1 < options.passes) {
        const auto only_accumulates = ddp.no_sync();
        loss_of(wrapped, mine, step).backward();
      } else {
        loss_of(wrapped, mine, step).backward();
      }
    }
    ours.step();
    plain.step();
  }
}

void check(Communicator& communicator, const torch::Device& device, const Options& options) {
  const auto alone = make_net(), wrapped = make_net();
  wrapped->to(device);
  DistributedDataParallel ddp(wrapped, communicator, options.ddp);
  train(*alone, *wrapped, ddp, options, device);
  const auto parameters = wrapped->named_parameters();
  for (const auto& p : alone->named_parameters()) {
    CAPTURE(p.key());
    CHECK(test::largest_difference(parameters[p.key()].cpu(), p.value()) < 2e-5);
  }
}

}  // namespace

TEST_CASE("a module on GPUs is trained as it is alone on the CPU") {
  if (!test::gpu_is_there()) return;
  FlightRecorder flight;
  MpiGroup group(MPI_COMM_WORLD, flight);
  int local = 0;
  MPI_Comm node = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  MPI_Comm_rank(node, &local);
  MPI_Comm_free(&node);
  const torch::Device device(
      torch::kCUDA, static_cast<c10::DeviceIndex>(local % static_cast<int>(torch::cuda::device_count())));
  const auto communicator = make_communicator(BackendKind::automatic, device, group);
  if (group.rank() == 0) std::cout << "over " << name_of(communicator->backend()) << '\n';
  check(*communicator, device, {});
  check(*communicator, device, {.ddp = {.bucket_sizes = {1e-3, 1e-3}}});
  check(*communicator, device, {.ddp = {.bucket_sizes = {1e-2, 1e-2}}, .passes = 3});
}
