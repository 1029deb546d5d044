// Run: what of a training loop of one's own reaches the run file, and what a wrong use of it says.
#include "record/run.hpp"

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
#include "results/run_reader.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace lockstep;

namespace {

constexpr std::int64_t kRows = 48, kBatch = 16;
constexpr int kEpochSteps = kRows / kBatch;

torch::nn::Sequential make_net(bool buffers = false) {
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
  std::unique_ptr<Communicator> communicator =
      make_communicator(BackendKind::automatic, torch::kCPU, *world);
  TemporaryFolder folder;
  torch::nn::Sequential net{nullptr};
  DistributedDataParallel ddp;
  torch::optim::SGD optimizer;
};

std::string text_of(const std::string& path) {
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

double parts_of(const StepTable& t, std::int64_t rank, std::int64_t step) {
  double sum = 0;
  for (const auto* part : {&t.data, &t.h2d, &t.forward, &t.backward, &t.comm_exposed, &t.optimizer, &t.bubble,
                           &t.other})
    sum += part->at(rank, step);
  return sum;
}

void pause(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

}  // namespace

TEST_CASE("a loop of one's own leaves a run file like a trainer's") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  bench.epoch(run, {0.5, 0.25});
  bench.epoch(run, {.loss = 0.4, .metric = 0.2, .test_metric = 0.3, .learning_rate = 0.01});
  CHECK(run.finish() == ExitCode::done);
  CHECK(run.folder().empty() == !bench.reads());
  if (!bench.reads()) return;

  const RunData file = bench.read(run);
  const int ranks = bench.world->size();
  CHECK(file.header.status == "complete");
  CHECK(file.header.valid);
  CHECK(file.header.mode == (ranks == 1 ? "seq" : "ddp"));
  CHECK(file.ranks.size() == static_cast<std::size_t>(ranks));
  CHECK(!file.fingerprint.empty());
  CHECK(file.environment.count("libtorch") == 1);
  CHECK(file.model.name == "two_layers");
  CHECK(file.model.parameters == 8 * 8 + 8 + 8 + 1);
  CHECK(file.settings.at("training.optimizer.lr") == "0.01");
  CHECK(file.settings.at("run.seed") == "7");
  CHECK(file.settings.at("parallel.device") == "cpu");
  CHECK(file.metric == "error");
  CHECK(!file.higher_is_better);

  REQUIRE(file.epochs.size() == 2);
  CHECK(file.epochs[0].validation_loss == 0.5);
  CHECK(file.epochs[0].validation_metric == 0.25);
  CHECK(std::isnan(file.epochs[0].test_metric));
  CHECK(file.epochs[1].test_metric == 0.3);
  CHECK(file.epochs[1].learning_rate == 0.01);
  CHECK(file.epochs[1].train_loss < file.epochs[0].train_loss);
  CHECK(file.epochs[1].peak_memory_bytes > 0);

  const StepTable& t = file.steps;
  REQUIRE(t.steps() == 2 * kEpochSteps);
  REQUIRE(t.ranks() == ranks);
  for (int rank = 0; rank < ranks; ++rank)
    for (int step = 0; step < t.steps(); ++step) {
      CAPTURE(rank, step);
      CHECK(t.epoch.at(rank, step) == step / kEpochSteps);
      CHECK(t.samples.at(rank, step) == (kBatch + ranks - 1 - rank) / ranks);
      CHECK(t.forward.at(rank, step) > 0);
      CHECK(t.backward.at(rank, step) > 0);
      CHECK(t.optimizer.at(rank, step) > 0);
      CHECK(std::abs(parts_of(t, rank, step) - t.wall.at(rank, step)) < 1e-9);
      CHECK(std::isfinite(t.loss.at(rank, step)));
    }
  REQUIRE(file.audit.size() == 2);
  for (const AuditRow& row : file.audit) {
    CHECK(row.missing == 0);
    CHECK(row.repeated == 0);
    CHECK(std::accumulate(row.samples.begin(), row.samples.end(), std::int64_t{0}) == kRows);
  }
}

TEST_CASE("a wrapped module records its buckets by itself, whichever was made first") {
  const bool wrapped_first = GENERATE(true, false);
  Bench bench;
  std::optional<Run> run;
  std::optional<DistributedDataParallel> later;
  torch::nn::Sequential net = bench.net;
  if (wrapped_first) {
    run.emplace(*bench.communicator, bench.options());
  } else {
    net = make_net();
    RunOptions options = bench.options();
    options.module = net.ptr();
    run.emplace(*bench.communicator, options);
    later.emplace(net.ptr(), *bench.communicator);
  }
  for (int s = 0; s < kEpochSteps; ++s) {
    auto step = run->step();
    step.samples(kBatch);
    const auto phase = step.phase("backward");
    net->zero_grad();
    net->forward(torch::ones({2, 8})).sum().backward();
  }
  run->epoch();
  CHECK(run->finish() == ExitCode::done);
  if (!bench.reads()) return;

  const RunData file = bench.read(*run);
  if (bench.world->size() == 1) {
    CHECK(file.comm.size() == 0);
    return;
  }
  REQUIRE(file.buckets.bytes.size() == 1);
  CHECK(file.buckets.bytes[0] >= file.model.gradient_bytes);
  CHECK(file.buckets.parameters[0] == 4);
  REQUIRE(file.comm.size() == static_cast<std::size_t>(bench.world->size() * kEpochSteps));
  std::set<std::int64_t> sequences;
  for (std::size_t i = 0; i < file.comm.size(); ++i) {
    CHECK(file.comm.bucket[i] == 0);
    CHECK(file.comm.kind[i] == "all_reduce");
    CHECK(file.comm.bytes[i] >= file.buckets.bytes[0]);
    sequences.insert(file.comm.sequence[i]);
  }
  CHECK(sequences.size() == kEpochSteps);
  for (int rank = 0; rank < bench.world->size(); ++rank)
    for (int step = 0; step < kEpochSteps; ++step) {
      CAPTURE(rank, step);
      CHECK(file.steps.wait.at(rank, step) > 0);
      CHECK(file.steps.comm.at(rank, step) >= file.steps.comm_exposed.at(rank, step));
      CHECK(file.steps.comm_exposed.at(rank, step) > 0);
    }
}

TEST_CASE("several wrapped modules, buffers, a hook and one's own collectives are told apart") {
  DistributedOptions hooked;
  hooked.hook = compress_to_bf16();
  Bench bench(hooked, /*buffers=*/true);
  torch::nn::Sequential second = make_net();
  const DistributedDataParallel other(second.ptr(), *bench.communicator);
  Run run(*bench.communicator, bench.options());
  for (int s = 0; s < 2; ++s) {
    auto step = run.step();
    step.samples(kBatch);
    bench.body(step);
    const auto phase = step.phase("backward");
    second->zero_grad();
    second->forward(torch::ones({2, 8})).sum().backward();
    const auto waits = step.phase("wait");
    run.sent(bench.communicator->all_reduce(torch::ones({3})))->wait();
  }
  run.epoch();
  // What is sent outside of steps is none of theirs.
  run.sent(bench.communicator->all_reduce(torch::ones({3})))->wait();
  run.finish();
  if (!bench.reads() || bench.world->size() == 1) return;

  const RunData file = bench.read(run);
  REQUIRE(file.buckets.bytes.size() == 2);
  CHECK(file.buckets.parameters == std::vector<std::int64_t>{6, 4});
  std::map<std::pair<std::int32_t, std::string>, int> seen;
  for (std::size_t i = 0; i < file.comm.size(); ++i)
    if (file.comm.rank[i] == 0 && file.comm.step[i] == 1) ++seen[{file.comm.bucket[i], file.comm.kind[i]}];
  CHECK(seen == std::map<std::pair<std::int32_t, std::string>, int>{
                    {{-1, "all_reduce"}, 2},  // what the hook's wrapper tells of gradients, and ours
                    {{-1, "broadcast"}, 1},
                    {{0, "all_reduce"}, 1},
                    {{1, "all_reduce"}, 1}});
}

TEST_CASE("numbers of samples are enough, and then the work is not audited") {
  Bench bench;
  RunOptions options = bench.options();
  options.data.train_rows = 0;
  Run run(*bench.communicator, options);
  for (int s = 0; s < 2; ++s) {
    auto step = run.step();
    step.samples(3);
    step.samples(2);
    bench.body(step);
  }
  run.epoch();
  CHECK(run.finish() == ExitCode::done);
  if (!bench.reads()) return;
  const RunData file = bench.read(run);
  CHECK(file.header.valid);
  CHECK(file.audit.empty());
  CHECK(file.steps.samples.at(0, 1) == 5);
  CHECK_THAT(text_of(run.folder() + "/log.txt"), Contains("the work is not audited"));
}

TEST_CASE("a run without losses has no column of them") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  for (int s = 0; s < kEpochSteps; ++s) {
    auto step = run.step();
    step.samples(bench.ids(s));
  }
  run.epoch();
  run.finish();
  if (!bench.reads()) return;
  const RunData file = bench.read(run);
  CHECK(file.steps.loss.values.empty());
  CHECK(std::isnan(file.epochs.at(0).train_loss));
}

TEST_CASE("ranks that train on the same rows are found out") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  for (std::int64_t s = 0; s < kEpochSteps; ++s) {
    auto step = run.step();
    step.samples(torch::arange(s * kBatch, (s + 1) * kBatch));
    bench.body(step);
  }
  run.epoch();
  CHECK(run.finish() == (bench.world->size() == 1 ? ExitCode::done : ExitCode::not_valid));
  if (!bench.reads() || bench.world->size() == 1) return;
  const RunData file = bench.read(run);
  CHECK(!file.header.valid);
  CHECK_THAT(file.header.invalid_reasons.at(0), Contains("did not share the data out"));
}

TEST_CASE("an epoch cut short owes what it says it owes") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  {
    auto step = run.step();
    step.samples(bench.ids(0));
    bench.body(step);
  }
  run.epoch({.rows = kBatch});
  CHECK(run.finish() == ExitCode::done);
  if (!bench.reads()) return;
  CHECK(bench.read(run).audit.at(0).missing == 0);
}

TEST_CASE("replicas that part are found out") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  for (int s = 0; s < kEpochSteps; ++s) {
    auto step = run.step();
    step.samples(bench.ids(s));
    bench.body(step);
    const torch::NoGradGuard no_grad;
    if (bench.world->rank() == 1) bench.net->parameters()[0].add_(1);
  }
  run.epoch();
  CHECK(run.finish() == (bench.world->size() == 1 ? ExitCode::done : ExitCode::not_valid));
  if (!bench.reads() || bench.world->size() == 1) return;
  CHECK_THAT(bench.read(run).header.invalid_reasons.at(0), Contains("replicas diverged"));
}

TEST_CASE("a phase within another interrupts it") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  for (int s = 0; s < kEpochSteps; ++s) {
    auto step = run.step();
    step.samples(bench.ids(s));
    const auto forward = step.phase("forward");
    pause(20);
    {
      const auto data = step.phase("data");
      pause(40);
    }
    pause(20);
  }
  run.epoch();
  run.finish();
  if (!bench.reads()) return;
  const StepTable& t = bench.read(run).steps;
  CHECK(t.forward.at(0, 1) >= 0.040);
  CHECK(t.data.at(0, 1) >= 0.040);
  CHECK(std::abs(parts_of(t, 0, 1) - t.wall.at(0, 1)) < 1e-9);
}

TEST_CASE("phases end in any order, and with their step") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  {
    auto step = run.step();
    step.samples(bench.ids(0));
    auto outer = step.phase("forward");
    auto inner = step.phase("data");
    outer.end();  // and with it what is within
    pause(20);
    inner.end();
    auto late = step.phase("backward");
    step.end();
    late.end();
    CHECK_THAT(complaint([&] { static_cast<void>(step.phase("data")); }), Contains("the step has ended"));
    CHECK_THAT(complaint([&] { step.samples(1); }), Contains("the step has ended"));
    CHECK_THAT(complaint([&] { step.loss(1); }), Contains("the step has ended"));
  }
  run.epoch({.rows = kBatch});
  run.finish();
  if (!bench.reads()) return;
  const StepTable& t = bench.read(run).steps;
  CHECK(t.other.at(0, 0) >= 0.020);
  CHECK(t.data.at(0, 0) < t.wall.at(0, 0) - 0.020);
}

TEST_CASE("steps without phases are 'other', and the log says so") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  for (int s = 0; s < kEpochSteps; ++s) {
    auto step = run.step();
    step.samples(bench.ids(s));
    pause(2);
  }
  run.epoch();
  CHECK(run.finish() == ExitCode::done);
  if (!bench.reads()) return;
  const StepTable& t = bench.read(run).steps;
  CHECK(t.other.at(0, 1) == t.wall.at(0, 1));
  CHECK_THAT(text_of(run.folder() + "/log.txt"),
             Contains("3 of 3 steps of the first epoch have no phase: all their time counts as 'other'"));
}

TEST_CASE("what is wrong is said in one line") {
  Bench bench;
  RunOptions options = bench.options();
  {
    Run run(*bench.communicator, options);
    CHECK_THAT(complaint([&] { run.epoch(); }), Contains("epoch 1 has no steps"));
    {
      auto step = run.step();
      CHECK_THAT(complaint([&] { static_cast<void>(step.phase("foward")); }),
                 Contains("'foward' is no phase of a step; did you mean 'forward'?") && Contains("optimizer"));
      CHECK_THAT(complaint([&] { static_cast<void>(step.phase("stall")); }), Contains("'stall' is no phase"));
      CHECK_THAT(complaint([&] { static_cast<void>(run.step()); }), Contains("a step within a step"));
      CHECK_THAT(complaint([&] { run.epoch(); }), Contains("run.epoch() within a step"));
      CHECK_THAT(complaint([&] { step.samples(-1); }), Contains("not negative"));
      CHECK_THAT(complaint([&] { step.loss(torch::ones({2})); }), Contains("2 elements"));
      CHECK_THAT(complaint([&] { step.samples(torch::ones({2})); }), Contains("int64"));
    }
    CHECK_THAT(complaint([&] { run.epoch(); }), Contains("no step of epoch 1 says what it trains on"));
    CHECK_THAT(complaint([&] { Run(*bench.communicator, options); }), Contains("recorded by another run"));
  }
  options.data.train_rows = 0;
  {
    Run run(*bench.communicator, options);
    auto step = run.step();
    CHECK_THAT(complaint([&] { step.samples(bench.ids(0)); }), Contains("RunOptions::data.train_rows"));
  }
  const auto refused = [&](RunOptions wrong) {
    return complaint([&] { Run(*bench.communicator, wrong); });
  };
  RunOptions wrong = options;
  wrong.module = nullptr;
  CHECK_THAT(refused(wrong), Contains("RunOptions::module is not set"));
  wrong = options;
  wrong.model = "a/b";
  CHECK_THAT(refused(wrong), Contains("'a/b', which is no name for a folder"));
  wrong = options;
  wrong.settings["parallel.backend"] = "smoke signals";
  CHECK_THAT(refused(wrong), Contains("'parallel.backend', which the run says itself"));
  wrong = options;
  wrong.seed = static_cast<std::uint64_t>(bench.world->rank());
  if (bench.world->size() > 1) CHECK_THAT(refused(wrong), Contains("the ranks record different runs: seed"));
  const auto part = bench.world->split(0);
  const auto partial = make_communicator(BackendKind::automatic, torch::kCPU, *part);
  if (part) CHECK_THAT(complaint([&] { Run(*partial, options); }), Contains("made for the World"));
}

TEST_CASE("samples are given as ids or as numbers, not as both") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  for (int s = 0; s < 2; ++s) {
    auto step = run.step();
    if (s == 0)
      step.samples(bench.ids(0));
    else
      step.samples(4);
  }
  CHECK_THAT(complaint([&] { run.epoch(); }), Contains("some steps give sample ids, others"));
}

TEST_CASE("an exception in a scope that is caught ends its step, and the run goes on") {
  Bench bench;
  Run run(*bench.communicator, bench.options());
  for (int s = 0; s < kEpochSteps; ++s) try {
      auto step = run.step();
      step.samples(bench.ids(s));
      const auto phase = step.phase("forward");
      if (s == 1) throw std::runtime_error("thrown by the test");
    } catch (const std::runtime_error&) {
    }
  run.epoch();
  CHECK(run.finish() == ExitCode::done);
  if (!bench.reads()) return;
  const RunData file = bench.read(run);
  CHECK(file.header.status == "complete");
  CHECK(file.steps.steps() == kEpochSteps);
}

TEST_CASE("an exception that leaves the run makes it a failed one, and says where") {
  Bench bench;
  std::string folder;
  try {
    Run run(*bench.communicator, bench.options());
    folder = run.folder();
    bench.epoch(run);
    auto step = run.step();
    const auto phase = step.phase("forward");
    throw std::runtime_error("thrown by the test");
  } catch (const std::runtime_error&) {
  }
  if (bench.reads()) {
    const RunData file = read_run(folder + "/run.h5");
    CHECK(file.header.status == "failed");
    CHECK(file.header.invalid_reasons.at(0) == "an exception ended the run in training step 4, forward");
    CHECK(file.steps.steps() == kEpochSteps);
  }
  Run again(*bench.communicator, bench.options());  // the communicator is free
  bench.epoch(again);
  CHECK(again.finish() == ExitCode::done);
}

TEST_CASE("steps without an epoch after them are missed") {
  Bench bench;
  std::string folder;
  const bool has_epoch = GENERATE(false, true);
  {
    Run run(*bench.communicator, bench.options());
    folder = run.folder();
    if (has_epoch) bench.epoch(run);
    auto step = run.step();
    step.samples(bench.ids(0));
  }
  if (!bench.reads()) return;
  const RunData file = read_run(folder + "/run.h5");
  CHECK(file.header.status == (has_epoch ? "complete" : "failed"));
  CHECK_THAT(text_of(folder + "/log.txt"), Contains("1 steps after the last epoch are not in the run file"));
  if (!has_epoch) CHECK_THAT(file.header.invalid_reasons.at(0), Contains("before its first epoch"));
}
