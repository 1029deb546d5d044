// What the tests of Run share: a module over the ranks of a World, and a folder for its runs.
#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <numeric>
#include <set>
#include <sstream>
#include <thread>

#include "comm/backends.hpp"
#include "launch/session.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "parallel/join.hpp"
#include "record/run.hpp"
#include "results/run_reader.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace lockstep::test {

inline constexpr std::int64_t kRows = 48, kBatch = 16;
inline constexpr int kEpochSteps = kRows / kBatch;

inline torch::nn::Sequential make_net(bool buffers = false) {
  torch::manual_seed(5);
  torch::nn::Sequential net(torch::nn::Linear(8, 8));
  if (buffers) net->push_back(torch::nn::BatchNorm1d(8));
  net->push_back(torch::nn::Linear(8, 1));
  return net;
}

// A World, a module over it, and a folder of rank 0's for the run.
struct Bench {
  explicit Bench(const DistributedOptions& wrapped = {}, bool buffers = false)
      : net(make_net(buffers)), ddp(net.ptr(), *communicator, wrapped), optimizer(net->parameters(), 0.01) {}

  RunOptions options() const {
    return {.module = net.ptr(),
            .output = folder.path,
            .model = "two_layers",
            .data = {.name = "noise", .train_rows = kRows},
            .metric = "error",
            .higher_is_better = false,
            .seed = 7,
            .settings = {{"training.optimizer.lr", "0.01"}},
            .quiet = true};
  }

  torch::Tensor loss() {
    return net->forward(torch::ones({kBatch, 8}) * (1 + world->rank())).square().mean();
  }

  // The rows of this rank in a step, the ranks taking turns.
  std::vector<std::int64_t> ids(int step) const {
    std::vector<std::int64_t> mine;
    for (std::int64_t row = world->rank(); row < kBatch; row += world->size())
      mine.push_back(step * kBatch + row);
    return mine;
  }

  void body(Run::StepScope& step) {
    torch::Tensor value;
    {
      const auto phase = step.phase("forward");
      value = loss();
    }
    {
      const auto phase = step.phase("backward");
      optimizer.zero_grad();
      value.backward();
    }
    const auto phase = step.phase("optimizer");
    optimizer.step();
    step.loss(value);
  }

  void epoch(Run& run, const EpochResult& result = {}) {
    for (int s = 0; s < kEpochSteps; ++s) {
      auto step = run.step();
      step.samples(ids(s));
      body(step);
    }
    run.epoch(result);
  }

  // Of rank 0's run, as analyze reads it.
  RunData read(const Run& run) const { return read_run(run.folder() + "/run.h5"); }
  bool reads() const { return world->rank() == 0; }

  std::unique_ptr<World> world = mpi_world(0, nullptr);
  std::unique_ptr<Communicator> communicator = make_communicator(BackendKind::automatic, torch::kCPU, *world);
  TemporaryFolder folder;
  torch::nn::Sequential net{nullptr};
  DistributedDataParallel ddp;
  torch::optim::SGD optimizer;
};

inline std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The one line of the bad input that the call complains of.
template <typename Call>
std::string complaint(Call call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_input);
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return error.what();
  }
  return "none";
}

using Catch::Contains;

inline double parts_of(const StepTable& t, std::int64_t rank, std::int64_t step) {
  double sum = 0;
  for (const auto* part :
       {&t.data, &t.h2d, &t.forward, &t.backward, &t.comm_exposed, &t.optimizer, &t.bubble, &t.other})
    sum += part->at(rank, step);
  return sum;
}

inline void pause(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

}  // namespace lockstep::test
