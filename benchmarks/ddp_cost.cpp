// What DistributedDataParallel costs a step: the same module trained plain and wrapped, in turn, step by
// step, so that whatever else the machine does meets both. One thread a rank. The fastest tenth of the steps
// tells what an undisturbed one takes.
//   mpirun -np 1 ddp_cost        # the wrapper itself
//   mpirun -np 2 ddp_cost        # with communication; "plain" then trains each rank on its own
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/optim/sgd.h>

#include <memory>
#include <string>
#include <vector>

#include "benchmarks/layered_module.hpp"
#include "comm/backends.hpp"
#include "launch/session.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "timing/clock.hpp"

using namespace lockstep;

namespace {

constexpr int kSteps = 200;

constexpr Shape kShapes[] = {{"few large layers", 4, 512, 64}, {"many small layers", 100, 32, 16}};

// A module with its optimizer, and how long each of its steps took.
struct Contender {
  std::string name;
  torch::nn::Sequential net;
  torch::optim::SGD optimizer;
  std::unique_ptr<DistributedDataParallel> ddp;
  std::vector<double> seconds;

  Contender(std::string what, const Shape& shape)
      : name(std::move(what)), net(make(shape)), optimizer(net->parameters(), 0.01) {}

  void step(const at::Tensor& x) {
    const SteadyTime begin = steady_now();
    optimizer.zero_grad();
    net->forward(x).square().mean().backward();
    optimizer.step();
    seconds.push_back(seconds_between(begin, steady_now()));
  }

  double quantile(double share) const { return quantile_of(seconds, share); }
};

void measure(const Shape& shape, Communicator& communicator) {
  std::vector<Contender> contenders;
  contenders.emplace_back("plain", shape);
  const auto add = [&](const char* name, const DistributedOptions& options) {
    contenders.emplace_back(name, shape);
    Contender& last = contenders.back();
    last.ddp = std::make_unique<DistributedDataParallel>(last.net.ptr(), communicator, options);
  };
  add("wrapped", {});
  if (communicator.size() > 1) {
    add("overlap off", {.overlap = false});
    add("static graph", {.static_graph = true});
    add("reduced in bf16", {.reduce_dtype = torch::kBFloat16});
    add("hook bf16", {.hook = compress_to_bf16()});
  }
  const at::Tensor x = at::randn({shape.batch, shape.width});
  for (int step = 0; step < kSteps + kWarmUp; ++step)
    for (Contender& contender : contenders) contender.step(x);
  if (communicator.rank() != 0) return;
  const double plain = contenders.front().quantile(0.1);
  for (const Contender& contender : contenders)
    fmt::print("{:<18} {:>5} {:<16} {:>9.3f} {:>9.3f} {:>+8.1f} %\n", shape.name, communicator.size(),
               contender.name, contender.quantile(0.5) * 1e3, contender.quantile(0.1) * 1e3,
               100 * (contender.quantile(0.1) / plain - 1));
}

ExitCode run(World& world) {
  at::set_num_threads(1);
  const auto communicator = make_communicator(BackendKind::automatic, c10::kCPU, world);
  if (world.rank() == 0)
    fmt::print("{:<18} {:>5} {:<16} {:>9} {:>9} {:>10}\n", "module", "ranks", "", "median ms", "tenth ms",
               "to plain");
  for (const Shape& shape : kShapes) measure(shape, *communicator);
  return ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) { return run_main(argc, argv, UseMpi::yes, run); }
