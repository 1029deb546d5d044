// Ways of reducing gradients that are tried in the first steps: every rank goes on with the same one, and what is
// learned stays what it was.
#include "train/reduction_trial.hpp"

#include <filesystem>

#include "base/error.hpp"
#include "reference.hpp"
#include "results/run_reader.hpp"
#include "run_output.hpp"
#include "train/checkpoint.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// 15 MiB of gradients: two buckets of at most 25 MiB, or three of 5. Trying 2 x 2 ways takes 32 steps; with a core to
// spare there are 3 x 2, in 44.
RunConfig in_several_buckets() {
  RunConfig config = configure(case_of("mlp"));
  config.model.hyper = {hyper("hidden", "[1024, 1024, 1024, 1024]")};
  config.data.samples = 120;
  config.training.steps = 49;
  config.measure.warmup = 44;
  config.parallel.bucket_mb.reset();
  config.parallel.overlap.reset();
  return config;
}

// One bucket: 17 steps, or 23.
RunConfig in_one_bucket() {
  RunConfig config = configure(case_of("mlp"));
  config.training.steps = 50;
  config.training.grad_clip = 0.05;  // less than any norm here
  config.parallel.overlap.reset();
  return config;
}

struct Ended {
  State state;
  std::optional<Reduction> chosen;
  RunData run;  // rank 0
};

Ended train_to_file(const RunConfig& config, const Output& output, const std::string& from = {}) {
  Setup setup = make_setup(on_cpu(config), Mode::data_parallel, world());
  Trainer trainer(setup, world(), steady_now(), "of a test");
  if (!from.empty()) trainer.resume(Checkpoint(world().broadcast(from)));
  if (world().rank() == 0) trainer.record_to(output.where());
  CHECK(trainer.run().invalid_reasons.empty());
  Ended ended{state_of(*setup.model), trainer.chosen_reduction(), {}};
  if (world().rank() != 0) return ended;
  output.writer->finish("complete", true, {}, 1);
  ended.run = read_run(output.folder / "run.h5");
  return ended;
}

Ended train_to_file(const RunConfig& config) {
  const Output output;
  return train_to_file(config, output);
}

// As text, of all ranks.
std::vector<std::string> chosen_by_ranks(const Ended& ended) {
  return world().all_gather(ended.chosen ? text_of(*ended.chosen) : std::string());
}

}  // namespace

TEST_CASE("all ranks choose the same of what was tried, which the run file tells") {
  const Ended ended = train_to_file(in_several_buckets());
  const std::vector<std::string> chosen = chosen_by_ranks(ended);
  CHECK(chosen == std::vector<std::string>(chosen.size(), chosen.front()));
  if (world().rank() != 0) return;
  REQUIRE(ended.run.reduction);
  const ReductionTable& table = *ended.run.reduction;
  if (world().size() == 1) {
    CHECK(chosen.front().empty());
    CHECK(table.chosen == Reduction{Overlap::during, 25});
    CHECK(table.reason == "one rank has no gradients to reduce");
    CHECK(table.steps == 0);
    CHECK(table.tried.empty());
    return;
  }
  CHECK(chosen.front() == text_of(table.chosen));
  const bool spare = table.tried.size() == 6;
  std::vector<Reduction> tried;
  for (const double size : {25.0, 5.0}) {
    for (const Overlap overlap : {Overlap::during, Overlap::after}) tried.push_back({overlap, size});
    if (spare) tried.push_back({Overlap::thread, size});
  }
  CHECK((table.tried == tried));
  CHECK(table.steps == (spare ? 44 : 32));
  if (backend_key() == BackendKind::mpi) CHECK_FALSE(spare);
  REQUIRE(table.seconds.size() == tried.size());
  for (const double seconds : table.seconds) CHECK(seconds > 0);
  CHECK(table.chosen == table.tried[choose(table.tried, table.seconds).candidate]);
  CHECK(ended.run.buckets.bytes.size() == (table.chosen.bucket_mb == 25 ? 2 : 3));
}

TEST_CASE("trying changes what is learned by no more than rounding") {
  for (const std::string backend :
       {"several buckets", "adam, sharded", "scattered", "accumulated, in bf16"}) {
    RunConfig config = in_several_buckets();
    if (backend == "adam, sharded") {
      config.training.optimizer = {.name = OptimizerKind::adam, .lr = 1e-3};
      if (world().size() > 1) config.parallel.shard = Sharding::optimizer;
    } else if (backend == "scattered") {
      config.parallel.shard = Sharding::gradients;
    } else if (backend != "several buckets") {
      config.training.global_batch = 24;
      config.training.accumulate = 2;
      config.parallel.reduce_dtype = ReduceDtype::bf16;
    }
    RunConfig fixed = config;
    fixed.parallel.bucket_mb = 25;
    fixed.parallel.overlap = Overlap::during;
    CAPTURE(backend);
    const State tried = train_to_file(config).state;
    const State untried = state_of(*train(fixed, Mode::data_parallel, world()));
    // In shared memory, and of two ranks, the order of a sum depends on no bucket.
    const double most = world().size() > 2 && backend_key() == BackendKind::mpi ? kTolerance : 0;
    CHECK(largest_of_ranks(largest_difference(untried, tried)) <= most);
  }
}

TEST_CASE("tables of words are reduced by rows whatever is tried") {
  RunConfig config = configure(case_of("nbow"));
  config.training.steps = 50;
  config.parallel.overlap.reset();
  RunConfig fixed = config;
  fixed.parallel.overlap = Overlap::during;
  const State untried = state_of(*train(fixed, Mode::data_parallel, world()));
  CHECK(largest_of_ranks(largest_difference(untried, train_to_file(config).state)) == 0);
}

TEST_CASE("a run that goes on from a checkpoint goes on with what was chosen, and with the same bits") {
  if (world().size() == 1) return;
  RunConfig config = in_several_buckets();
  config.training.grad_clip = 0.05;  // its norm depends on the buckets
  config.checkpoint.every_steps = 46;
  const Output saving;
  const Ended whole = train_to_file(config, saving);
  const std::string path =
      world().broadcast(saving.folder / "checkpoint/epoch_000005_step_00000046.safetensors");
  const auto saved = Checkpoint(path).facts().reduction;
  CHECK(saved == whole.chosen);

  config.checkpoint.every_steps = 0;
  const Output output;
  const Ended resumed = train_to_file(config, output, path);
  CHECK(resumed.chosen == whole.chosen);
  CHECK(largest_of_ranks(largest_difference(whole.state, resumed.state)) == 0);
  if (world().rank() != 0) return;
  REQUIRE(resumed.run.reduction);
  CHECK(resumed.run.reduction->chosen == *whole.chosen);
  CHECK(resumed.run.reduction->tried.empty());
  CHECK(resumed.run.reduction->steps == 0);
  CHECK(resumed.run.buckets.bytes == whole.run.buckets.bytes);
}

TEST_CASE("a checkpoint within the trial says nothing of it, and what is given goes before what was chosen") {
  if (world().size() == 1) return;
  RunConfig config = in_one_bucket();
  config.checkpoint.every_steps = 10;
  config.checkpoint.keep = 9;
  const Output saving;
  const Ended whole = train_to_file(config, saving);
  REQUIRE(whole.chosen);
  const auto of_step = [&](const std::string& file) {
    return world().broadcast(saving.folder / ("checkpoint/" + file + ".safetensors"));
  };
  // 25 steps an epoch.
  CHECK_FALSE(Checkpoint(of_step("epoch_000000_step_00000010")).facts().reduction);
  CHECK(Checkpoint(of_step("epoch_000001_step_00000030")).facts().reduction == whole.chosen);

  config.checkpoint.every_steps = 0;
  config.parallel.overlap = whole.chosen->overlap == Overlap::after ? Overlap::during : Overlap::after;
  const Output output;
  const Ended given = train_to_file(config, output, of_step("epoch_000001_step_00000030"));
  CHECK_FALSE(given.chosen);
  CHECK(largest_of_ranks(largest_difference(whole.state, given.state)) == 0);  // it changes no sum
  if (world().rank() == 0) CHECK_FALSE(given.run.reduction);
}

TEST_CASE("where the steps do not suffice nothing is tried, and the reason is told") {
  if (world().size() == 1) return;
  RunConfig config = in_one_bucket();
  config.parallel.backend = BackendKind::mpi;  // where no third way is tried
  const auto reason = [&] {
    const Ended ended = train_to_file(config);
    CHECK_FALSE(ended.chosen);
    if (world().rank() != 0) return std::string();
    CHECK(ended.run.reduction->chosen == Reduction{Overlap::during, 25});
    return ended.run.reduction->reason;
  };
  const auto check = [&](const std::string& wanted) {
    const std::string said = reason();
    if (world().rank() == 0) CHECK(said == wanted);
  };
  config.measure.warmup = 16;
  check("trying 2 ways takes 17 steps, and measure.warmup leaves out 16; set it to 17 or more, or to auto");
  config.measure.warmup.reset();
  config.training.steps = 33;
  check("trying 2 ways takes 17 steps, and the run has 33; train for 34 or more");
  config.parallel.overlap = Overlap::during;
  config.parallel.bucket_mb.reset();
  check("gradients this small are in the same buckets at every size");
}

TEST_CASE("a thread that carries out the reductions gives the same bits") {
  for (const char* model : {"mlp", "vgg11", "gpt", "nbow"}) {
    RunConfig config = configure(case_of(model));
    config.training.steps = 12;
    config.parallel.bucket_mb = config.parallel.first_bucket_mb = 1e-3;
    CAPTURE(model);
    const State by_caller = state_of(*train(config, Mode::data_parallel, world()));
    config.parallel.overlap = Overlap::thread;
    CHECK(largest_of_ranks(
              largest_difference(by_caller, state_of(*train(config, Mode::data_parallel, world())))) == 0);
  }
}
