// Trainer: what of a run reaches the run file, how it goes on from a checkpoint, and what makes it invalid or
// ends it. That N ranks do the work of one is parity_mpi_test.cpp's.
#include "train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "reference.hpp"
#include "results/run_reader.hpp"
#include "run_output.hpp"
#include "train/checkpoint.hpp"
#include "train/unfinished_epoch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// Five steps an epoch, thirteen in all.
RunConfig short_run() {
  RunConfig config = configure(case_of("mlp"));
  config.data.samples = 60;
  config.training.steps = 13;
  config.training.optimizer.momentum = 0.9;
  return config;
}

Mode mode() { return world().size() == 1 ? Mode::sequential : Mode::data_parallel; }

Setup set_up(const RunConfig& config) { return make_setup(on_cpu(config), mode(), world()); }

bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

std::vector<std::string> reasons_of(Setup& setup, const std::function<void()>& before_training = {}) {
  Trainer trainer(setup, world(), steady_now(), "of a test");
  if (before_training) before_training();
  return trainer.run().invalid_reasons;
}

}  // namespace

TEST_CASE("every step, epoch and audit of a run is in its file, a last epoch cut short as well") {
  RunConfig config = short_run();
  config.data.validation = 0.2;  // 48 of 60 rows are left: four steps an epoch
  config.training.schedule.name = ScheduleKind::linear;
  Setup setup = set_up(config);
  const Output output;
  Trainer trainer(setup, world(), steady_now(), "of a test");
  if (world().rank() == 0) trainer.record_to(output.where());
  const TrainingResult result = trainer.run();
  CHECK(result.invalid_reasons.empty());
  if (world().rank() != 0) return;
  output.writer->finish("complete", true, {}, 1);
  const RunData run = read_run(output.folder / "run.h5");
  CHECK(run.steps.ranks() == world().size());
  REQUIRE(run.steps.steps() == 13);
  CHECK(all_finite(run.steps.loss.values));
  CHECK(all_finite(run.steps.grad_norm.values));
  CHECK(run.steps.epoch.at(0, 3) == 0);
  CHECK(run.steps.epoch.at(0, 12) == 3);
  REQUIRE(run.epochs.size() == 4);
  CHECK(run.epochs.back().test_metric == result.test_metric);
  CHECK(run.epochs.back().validation_metric == result.validation_metric);
  CHECK(run.epochs[0].learning_rate == Approx(config.training.optimizer.lr * (1 - 3.0 / 13)));
  CHECK(run.epochs[3].learning_rate == Approx(config.training.optimizer.lr * (1 - 12.0 / 13)));
  REQUIRE(run.audit.size() == 4);
  for (const AuditRow& audit : run.audit) {
    CHECK(audit.missing == 0);
    CHECK(audit.repeated == 0);
  }
  CHECK(run.recorder_overhead > 0);
  CHECK(std::accumulate(run.buckets.parameters.begin(), run.buckets.parameters.end(), std::int64_t{0}) ==
        static_cast<std::int64_t>(setup.model->parameters().size()));
}

TEST_CASE("a run that goes on from a checkpoint ends with the bits of one that was never interrupted") {
  RunConfig config = short_run();
  config.training.steps.reset();
  config.training.epochs = 4;
  Setup whole = set_up(config);
  train(whole, world());

  const Output output;
  config.training.epochs = 2;
  config.checkpoint.every_epochs = 2;
  Setup begun = set_up(config);
  Trainer first(begun, world(), steady_now(), "of a test");
  if (world().rank() == 0) first.record_to(output.where());
  first.run();

  config.training.epochs = 4;
  config.checkpoint.every_epochs = 0;
  Setup resumed = set_up(config);
  const Checkpoint checkpoint(world().broadcast(output.folder / "checkpoint/epoch_000002.safetensors"));
  Trainer second(resumed, world(), steady_now(), "of a test");
  second.resume(checkpoint);
  CHECK(second.run().invalid_reasons.empty());
  CHECK(largest_difference(state_of(*whole.model), state_of(*resumed.model)) == 0);
  CHECK(largest_difference(state_of(*whole.model), state_of(*begun.model)) > 1e-4);
}

namespace {

// The state that a run ends with, and its file.
struct Ended {
  State state;
  RunData run;  // rank 0
};

Ended train_to_file(const RunConfig& config, const Output& output, const std::string& from = {}) {
  Setup setup = set_up(config);
  Trainer trainer(setup, world(), steady_now(), "of a test");
  if (!from.empty()) trainer.resume(Checkpoint(world().broadcast(from)));
  if (world().rank() == 0) trainer.record_to(output.where());
  const TrainingResult result = trainer.run();
  CHECK(result.invalid_reasons.empty());
  CHECK(result.interruption.empty());
  Ended ended{state_of(*setup.model), {}};
  if (world().rank() != 0) return ended;
  output.writer->finish("complete", true, {}, 1);
  ended.run = read_run(output.folder / "run.h5");
  return ended;
}

// Small steps, so that the norm, which depends on the order of the sums, decides the result.
RunConfig within_epochs() {
  RunConfig config = short_run();
  config.training.grad_clip = 0.05;
  config.parallel.bucket_mb = config.parallel.first_bucket_mb = 1e-3;
  return config;
}

}  // namespace

TEST_CASE("a run that goes on from within an epoch ends with the bits of one that was never interrupted") {
  const Output straight;
  const Ended whole = train_to_file(within_epochs(), straight);

  RunConfig config = within_epochs();
  config.checkpoint.every_steps = 3;
  config.checkpoint.keep = 9;
  const Output saving;
  const Ended saved = train_to_file(config, saving);
  CHECK(largest_difference(whole.state, saved.state) == 0);
  const std::string in = saving.folder / "checkpoint/";
  for (const auto& [file, steps] : {std::pair("epoch_000000_step_00000003", 3),
                                    {"epoch_000001_step_00000006", 6},
                                    {"epoch_000001_step_00000009", 9},
                                    {"epoch_000002_step_00000012", 12}}) {
    CAPTURE(file);
    const Output output;
    const Ended resumed = train_to_file(within_epochs(), output, in + file + ".safetensors");
    CHECK(largest_difference(whole.state, resumed.state) == 0);
    if (world().rank() != 0) continue;
    CHECK(resumed.run.steps.steps() == 13 - steps);
    REQUIRE(resumed.run.epochs.size() == 3U - static_cast<std::size_t>(steps / 5));
    for (std::size_t e = resumed.run.epochs.size(), w = 3; e-- > 0;) {
      --w;
      CHECK(resumed.run.epochs[e].train_loss == whole.run.epochs[w].train_loss);
      CHECK(resumed.run.epochs[e].test_metric == whole.run.epochs[w].test_metric);
      CHECK(resumed.run.audit[e].missing == 0);
      CHECK(resumed.run.audit[e].repeated == 0);
    }
  }
  if (world().rank() != 0) return;
  CHECK(saved.run.steps.steps() == 13);
  REQUIRE(saved.run.epochs.size() == 3);
  for (std::size_t e = 0; e < 3; ++e) {
    CHECK(saved.run.epochs[e].train_loss == whole.run.epochs[e].train_loss);
    CHECK(saved.run.audit[e].samples == whole.run.audit[e].samples);
  }
  CHECK(std::is_sorted(saved.run.comm.rank.begin(), saved.run.comm.rank.end()));
}

TEST_CASE("what an earlier run did of an epoch counts in its audit") {
  RunConfig config = within_epochs();
  config.checkpoint.every_steps = 3;
  const Output saving;
  train_to_file(config, saving);
  const Checkpoint checkpoint(
      world().broadcast(saving.folder / "checkpoint/epoch_000002_step_00000012.safetensors"));
  world().barrier();  // rank 0 removes the folder
  UnfinishedEpoch epoch = unfinished_epoch(checkpoint, 60);
  CHECK(epoch.work.samples == 24);
  CHECK(epoch.loss_terms == 24);
  std::vector<WorkReport> rest = {nothing_done(60).work};
  CHECK(merge_audits(60, rest, &epoch.work).missing == 36);
  for (std::int64_t id = 0; id < 60; ++id)  // the others, and one of the same again
    if ((epoch.work.seen[0] >> id & 1) == 0) rest[0].seen[0] |= std::uint64_t{1} << id, ++rest[0].samples;
  CHECK(merge_audits(60, rest, &epoch.work).missing == 0);
  CHECK(merge_audits(60, rest, &epoch.work).repeated == 0);
  rest[0].seen[0] = ~std::uint64_t{0} >> 4;
  ++rest[0].samples;
  CHECK(merge_audits(60, rest, &epoch.work).repeated == 1);
}

TEST_CASE("what made the training so far not valid makes the run that goes on not valid") {
  const Output saving;
  RunConfig config = within_epochs();
  config.checkpoint.every_steps = 3;
  Setup setup = set_up(config);
  setup.batches.shard = false;
  {
    Trainer trainer(setup, world(), steady_now(), "of a test");
    if (world().rank() == 0) trainer.record_to(saving.where());
    trainer.run();
  }
  Setup again = set_up(config);
  Trainer trainer(again, world(), steady_now(), "of a test");
  trainer.resume(
      Checkpoint(world().broadcast(saving.folder / "checkpoint/epoch_000001_step_00000009.safetensors")));
  const std::vector<std::string> reasons = trainer.run().invalid_reasons;
  REQUIRE(reasons.empty() == (world().size() == 1));
  if (world().size() > 1) CHECK(reasons[0].find("epoch 0: ") == 0);
}

TEST_CASE("a loss that is not finite ends the run and says at which step") {
  RunConfig config = short_run();
  config.training.optimizer.lr = 1e30;
  const auto alone = self_world();
  Setup setup = make_setup(on_cpu(config), Mode::sequential, *alone);
  Trainer trainer(setup, *alone, steady_now(), "of a test");
  std::string said;
  try {
    trainer.run();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::failed);
    said = error.what();
  }
  CHECK(said.find("the loss is ") == 0);
  CHECK(said.find("at step ") != std::string::npos);
}

TEST_CASE("replicas that are not alike make a run invalid, the same on every rank") {
  if (world().size() == 1) return;
  RunConfig config = short_run();
  config.parallel.shard = Sharding::none;  // in shared memory all have the same parameters
  Setup setup = set_up(config);
  const std::vector<std::string> reasons = reasons_of(setup, [&] {
    const torch::NoGradGuard no_grad;
    if (world().rank() == 1) setup.model->parameters().front().view({-1}).narrow(0, 0, 1).add_(1e-3);
  });
  REQUIRE(reasons.size() == 3);  // one an epoch
  CHECK(reasons[0] == "epoch 0: replicas diverged: the parameters of rank 1 differ from those of rank 0");
}

TEST_CASE("ranks that train on the same rows make a run invalid, the same on every rank") {
  if (world().size() == 1) return;
  Setup setup = set_up(short_run());
  setup.batches.shard = false;
  const std::vector<std::string> reasons = reasons_of(setup);
  REQUIRE_FALSE(reasons.empty());
  CHECK(reasons[0].find("epoch 0") == 0);
  CHECK(world().all_gather(reasons[0]) ==
        std::vector<std::string>(static_cast<std::size_t>(world().size()), reasons[0]));
}
