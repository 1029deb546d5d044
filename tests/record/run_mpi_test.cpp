// Run: what of a training loop of one's own reaches the run file.
#include "record/run_bench.hpp"

using namespace lockstep;
using namespace lockstep::test;

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
