// Runs that were stopped and gone on from a checkpoint: joined they are the run that was never stopped.
#include "analysis/runs/chain.hpp"

#include "analysis/checks/rules.hpp"
#include "analysis/runs/run_join.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

const SyntheticRun kDdp{.mode = "ddp", .ranks = 2, .forward = 5e-3, .backward = 10e-3, .transfer = 2e-3};

template <typename T>
Matrix<T> cut(const Matrix<T>& whole, std::int64_t begin, std::int64_t end) {
  if (whole.values.empty()) return {};
  Matrix<T> part(whole.rows, end - begin);
  for (std::int64_t r = 0; r < part.rows; ++r)
    for (std::int64_t s = 0; s < part.columns; ++s) part.at(r, s) = whole.at(r, begin + s);
  return part;
}

// The steps [begin, end) of a run as a run of their own would have recorded them, its clock set to 0.
RunData part_of(const RunData& whole, std::int64_t begin, std::int64_t end) {
  RunData run = whole;
  for_each_step_column([&](const auto& c) { run.steps.*c.table = cut(whole.steps.*c.table, begin, end); });
  const double start = whole.steps.start.at(0, begin);
  for (double& time : run.steps.start.values) time -= start;
  run.comm = {};
  std::int64_t numbers = 0;
  for (std::size_t i = 0; i < whole.comm.size(); ++i) {
    if (whole.comm.step[i] < begin || whole.comm.step[i] >= end) continue;
    const std::int64_t number = whole.comm.sequence[i] - begin;
    numbers = std::max(numbers, number);
    run.comm.rank.push_back(whole.comm.rank[i]);
    run.comm.step.push_back(static_cast<std::int32_t>(whole.comm.step[i] - begin));
    run.comm.bucket.push_back(whole.comm.bucket[i]);
    run.comm.sequence.push_back(number);
    run.comm.bytes.push_back(whole.comm.bytes[i]);
    run.comm.kind.push_back(whole.comm.kind[i]);
    run.comm.ready.push_back(whole.comm.ready[i] - start);
    run.comm.start.push_back(whole.comm.start[i] - start);
    run.comm.end.push_back(whole.comm.end[i] - start);
  }
  return run;
}

// Epochs of 40 steps, stopped at `stop`; the file goes on to `stop + beyond`.
struct Stopped {
  RunData before, after;
};
Stopped stopped(const RunData& whole, std::int64_t stop, std::int64_t beyond = 0) {
  constexpr std::int64_t kEpoch = 40;
  Stopped runs{part_of(whole, 0, stop + beyond), part_of(whole, stop, whole.steps.steps())};
  const std::int64_t epochs = stop / kEpoch;
  runs.before.header.uuid = "first";
  runs.before.header.status = "interrupted";
  runs.before.epochs.resize(static_cast<std::size_t>(epochs));
  runs.before.audit.resize(static_cast<std::size_t>(epochs));
  runs.after.header.uuid = "second";
  runs.after.header.started = "2026-01-31T12:01:00Z";
  runs.after.header.resumed = {"first", "89abcdef", epochs, stop};
  runs.after.epochs.erase(runs.after.epochs.begin(), runs.after.epochs.begin() + epochs);
  runs.after.audit.erase(runs.after.audit.begin(), runs.after.audit.begin() + epochs);
  for (std::int64_t& samples : runs.after.audit.front().samples)  // its own part
    samples -= (stop - epochs * kEpoch) * 32;
  return runs;
}

std::vector<ChainRun> as_files(const std::vector<RunData>& runs) {
  std::vector<ChainRun> files;
  for (const RunData& run : runs)
    files.push_back({files.size(), "run " + std::to_string(files.size()), run, {}, {}});
  return files;
}

std::vector<ChainRun> join(const std::vector<RunData>& runs) { return join_chains(as_files(runs), {}); }

}  // namespace

TEST_CASE("a run that was stopped and gone on from is the run that was never stopped") {
  const RunData whole = make_run(kDdp);
  for (const std::int64_t stop : {1, 13, 40, 41, 79}) {
    for (const std::int64_t beyond : {0, 5}) {
      CAPTURE(stop, beyond);
      if (stop + beyond > 80) continue;
      const Stopped runs = stopped(whole, stop, beyond);
      const std::vector<ChainRun> joined = join({runs.after, runs.before});
      REQUIRE(joined.size() == 1);
      const RunData& run = joined.front().run;
      CHECK(joined.front().path == "run 0");
      CHECK(run.steps.wall.values == whole.steps.wall.values);
      CHECK(run.steps.epoch.values == whole.steps.epoch.values);
      CHECK(run.steps.comm_exposed.values == whole.steps.comm_exposed.values);
      CHECK(run.comm.rank == whole.comm.rank);
      CHECK(run.comm.step == whole.comm.step);
      if (beyond == 0) CHECK(run.comm.sequence == whole.comm.sequence);
      CHECK_FALSE(run.header.resumed);
      CHECK(run.header.started == whole.header.started);
      REQUIRE(run.epochs.size() == 2);
      REQUIRE(run.audit.size() == 2);
      for (std::size_t e = 0; e < 2; ++e) CHECK(run.audit[e].samples == whole.audit[e].samples);
      const Launch launch = checked_launch(run, "x"), straight = checked_launch(whole, "x");
      CHECK(launch.findings.empty());
      CHECK(launch.training_seconds == Approx(straight.training_seconds));
      CHECK(launch.curve.back().seconds == Approx(straight.curve.back().seconds));
      CHECK(launch.unmatched_collectives == 0);
      CHECK(launch.trained_whole());
      REQUIRE(joined.front().joints.size() == 1);
      const Joint& joint = joined.front().joints.front();
      CHECK(joint.before == "run 1");
      CHECK(joint.steps == stop);
      CHECK(joint.repeated == beyond);
      const double trained =
          whole.steps.start.at(0, stop - 1) + whole.steps.wall.at(0, stop - 1) - whole.steps.start.at(0, 0);
      CHECK(joint.gap == Approx(60 - trained));
    }
  }
}

TEST_CASE("a chain may have several links, some within one epoch") {
  const RunData whole = make_run(kDdp);
  Stopped first = stopped(whole, 13);
  Stopped second = stopped(whole, 27);
  RunData middle = part_of(whole, 13, 27);
  middle.header = second.before.header;
  middle.header.uuid = "middle";
  middle.header.resumed = {"first", "89abcdef", 0, 13};
  middle.epochs.clear();
  middle.audit.clear();
  second.after.header.resumed->run = "middle";
  const std::vector<ChainRun> joined = join({first.before, middle, second.after});
  REQUIRE(joined.size() == 1);
  CHECK(joined.front().joints.size() == 2);
  CHECK(joined.front().run.steps.wall.values == whole.steps.wall.values);
  CHECK(joined.front().run.comm.sequence == whole.comm.sequence);
  CHECK(joined.front().run.audit.front().samples == whole.audit.front().samples);
  CHECK(checked_launch(joined.front().run, "x").findings.empty());
  const double train_seconds =
      whole.steps.start.at(0, 26) + whole.steps.wall.at(0, 26) - whole.steps.start.at(0, 0);
  CHECK(joined.front().run.epochs.front().train_seconds == Approx(train_seconds));  // the synthetic run has 0
}

TEST_CASE("a link that is missing is said, and nothing is joined") {
  const RunData whole = make_run(kDdp);
  const Stopped runs = stopped(whole, 13);
  const auto apart = [&](RunData before) {
    const std::vector<ChainRun> left = join({std::move(before), runs.after});
    REQUIRE(left.size() == 2);
    CHECK(left[1].joints.empty());
    return left[1].apart;
  };
  const std::vector<ChainRun> alone = join({runs.after});
  REQUIRE(alone.size() == 1);
  CHECK(alone.front().apart == "the file of run first, from which it resumed, is missing here");
  CHECK(join_chains(as_files({runs.after}), {{"first", "there"}}).front().apart ==
        "there, from which it resumed, finished and counts alone");
  RunData other = runs.before;
  other.ranks.resize(1);
  CHECK(says(apart(other), "run 0, from which it resumed, cannot be joined with it: it had 1 ranks"));
  other = runs.before;
  other.header.mode = "ps";
  CHECK(says(apart(other), "its mode was ps"));
  other = runs.before;
  other.fingerprint = "another";
  CHECK(says(apart(other), "other hardware"));
  other = runs.before;
  other.settings["training.precision"] = "bf16";
  CHECK(says(apart(other), "it had another training.precision"));
  CHECK(says(apart(part_of(runs.before, 0, 12)), "does not have all of the 13 steps before the checkpoint"));
}

TEST_CASE("keys that make no other training do not keep runs apart") {
  Stopped runs = stopped(make_run(kDdp), 13);
  runs.after.settings["training.epochs"] = "9";
  runs.after.settings["checkpoint.every_steps"] = "7";
  CHECK(join({runs.before, runs.after}).size() == 1);
}

TEST_CASE("of two runs that go on from one, the one that came to its end is joined") {
  const RunData whole = make_run(kDdp);
  const Stopped runs = stopped(whole, 13);
  RunData later = runs.after;
  later.header.uuid = "third";
  later.header.started = "2026-01-31T12:09:00Z";
  later.header.status = "interrupted";
  for (const auto& files :
       {std::vector{runs.before, runs.after, later}, std::vector{runs.before, later, runs.after}}) {
    const std::vector<ChainRun> left = join(files);
    REQUIRE(left.size() == 2);
    const bool first = left[0].run.header.uuid == "second";
    CHECK(left[first ? 0 : 1].joints.size() == 1);
    CHECK(says(left[first ? 1 : 0].apart, "resumed from the same run"));
  }
}

TEST_CASE("runs that go on from each other are left alone") {
  Stopped runs = stopped(make_run(kDdp), 13);
  runs.after.header.status = "interrupted";
  runs.before.header.resumed = {"second", "89abcdef", 0, 13};
  const std::vector<ChainRun> left = join({runs.before, runs.after});
  REQUIRE(left.size() == 2);
  for (const ChainRun& run : left) CHECK(run.joints.empty());
}

TEST_CASE("where runs were joined, and why not, stands beside the numbers") {
  Analysis analysis = analyse({make_run(kDdp)});
  Launch launch = analysis.runs.launches.front();
  launch.joints = {{"runs/a", 13, 5, 34.4}, {"runs/b", 27, 0, kUnknown}};
  LaunchGroup group;
  group.launches = {&launch};
  CHECK(sentence_of(check_group(group), "joined-run") ==
        "runs that resumed from a checkpoint are joined with the run that wrote it: run 0 after step 13 of "
        "runs/a, 34 s later, 5 steps that were done twice count once; run 0 after step 27 of runs/b");
  launch.joints.clear();
  launch.header.resumed = {"first", "89abcdef", 1, 40};
  launch.apart = "the file of run first, from which it resumed, is missing here";
  CHECK(says(sentence_of(check_group(group), "resumed-run"),
             "is unknown; the file of run first, from which "
             "it"));
}
