// Every sentence of the verdict, from runs whose truth is known.
#include "analysis/advice/verdict.hpp"

#include <algorithm>

#include "analysis/support/simulated_run.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::string verdict_of(const std::vector<RunData>& runs, Baseline baseline = Baseline::seq) {
  std::string all;
  for (const std::string& sentence : verdict(analyse(runs, baseline))) all += sentence + "\n";
  return all;
}

// A pair of single launches: the parallel one as given.
std::string verdict_against(const SyntheticRun& parallel) {
  return verdict_of({make_run({}), make_run(parallel)});
}

// Three launches of seq and of each of the others.
std::vector<RunData> launches(const std::vector<SyntheticRun>& others) {
  std::vector<RunData> runs;
  for (int seed = 1; seed <= 3; ++seed) {
    runs.push_back(make_run(usual_seq(seed)));
    for (SyntheticRun run : others) {
      run.seed = seed;
      run.jitter = 0.02;
      runs.push_back(make_run(run));
    }
  }
  return runs;
}

// Four launches of seq, and of ddp on so many ranks with so many times its step; launches differ by `spread`.
std::vector<RunData> noisy_launches(double spread, const std::vector<std::pair<int, double>>& groups) {
  std::vector<RunData> runs;
  const auto add = [&](int ranks, double factor) {
    for (int launch = 1; launch <= 4; ++launch) {
      // -1.2, -.4, .4 and 1.2 spreads: known deviations rather than drawn ones.
      const double step = factor * (1 + spread * (0.8 * launch - 2));
      runs.push_back(make_run({.mode = ranks == 1 ? "seq" : "ddp",
                               .ranks = ranks,
                               .steps = 20,
                               .seed = launch,
                               .data = 0,
                               .forward = 10e-3 * step,
                               .backward = 20e-3 * step,
                               .optimizer = 0,
                               .other = 0}));
    }
  };
  add(1, 1);
  for (const auto& [ranks, factor] : groups) add(ranks, factor);
  return runs;
}

SyntheticRun half(double transfer = 0, double late = 0) {
  return {.mode = "ddp", .ranks = 2, .forward = 5e-3, .backward = 10e-3, .transfer = transfer, .late = late};
}

}  // namespace

TEST_CASE("faster, slower or undecided: by the interval, and never by a single launch") {
  CHECK(outcome_of({1.2, Estimate::Bounds{1.01, 1.3}}) == Outcome::faster);
  CHECK(outcome_of({1.2, Estimate::Bounds{0.99, 1.3}}) == Outcome::undecided);
  CHECK(outcome_of({0.9, Estimate::Bounds{0.8, 0.99}}) == Outcome::slower);
  CHECK(outcome_of({3, {}}) == Outcome::undecided);
  CHECK(outcome_of({0.2, {}}) == Outcome::undecided);
  CHECK(outcome_of({3, {}, Estimate::Bounds{2.9, 3.1}}) == Outcome::undecided);
}

TEST_CASE("repeated launches: speedup with its interval, in seconds, and that it pays") {
  const std::string text = verdict_of(usual_runs());
  CHECK(says(text, "ddp x2 is 1.6"));
  CHECK(says(text, "times as fast as seq (95 % interval 1.6"));
  CHECK(says(text, "19.1 ms a step instead of 31.6 ms"));
  CHECK(says(text, "an efficiency of 8"));
  CHECK(says(text, "With the same 3 seeds the accuracy is 0.8520, that of seq 0.8520."));
  CHECK(says(text, "Parallel training pays here: ddp x2 is the fastest"));
}

TEST_CASE("single launches are called so, and decide nothing") {
  const std::string text = verdict_against(half(1e-3));
  CHECK(says(text,
             "Whether ddp x2 is faster than seq cannot be said yet: 1.80 times as fast (single launches"));
  CHECK(says(text, "two more launches of ddp x2 and of seq would give an interval"));
  CHECK(says(text, "Whether parallel training pays cannot be said yet: of ddp x2 against seq, two more"));
  // Three launches against one are no better.
  std::vector<RunData> runs = usual_runs();
  std::erase_if(runs, [n = 0](const RunData& run) mutable { return run.header.mode == "seq" && n++ > 0; });
  CHECK(says(verdict_of(runs), "Whether parallel training pays cannot be said yet"));
}

TEST_CASE("a slowdown is said as one") {
  const std::string text = verdict_of(launches({half(30e-3)}));
  CHECK(says(text, "ddp x2 is slower than seq: it takes 1.4"));
  CHECK(says(text, "Parallel training does not pay here: every number of ranks that was tried is slower."));
}

TEST_CASE("what is not decided says how many launches would decide") {
  const std::string text = verdict_of(noisy_launches(0.15, {{2, 0.9}}));
  CHECK(says(text, "Whether ddp x2 is faster than seq cannot be said yet"));
  CHECK(says(text, "more launches of each would decide"));
  CHECK(says(text, "Whether parallel training pays cannot be said yet: of ddp x2 against seq, about "));
  CHECK(lacks(text, "does not pay"));
  CHECK(says(verdict_of(noisy_launches(0.15, {{2, 1.0005}})), "not even 100 launches of each would decide"));
}

TEST_CASE("ties are one group, and a single launch is not the fastest") {
  const std::string text = verdict_of(noisy_launches(0.01, {{2, 0.5}, {4, 0.502}, {8, 0.6}}));
  CHECK(says(text, "Parallel training pays here: the fastest 2 do not differ significantly: ddp x2 ("));
  CHECK(lacks(text, "is the fastest"));
  std::vector<RunData> runs = noisy_launches(0.01, {{2, 0.5}, {8, 0.3}});
  std::erase_if(runs, [n = 0](const RunData& run) mutable { return run.steps.ranks() == 8 && n++ > 0; });
  const std::string single = verdict_of(runs);
  CHECK(says(single, "Parallel training pays here: ddp x2 is "));
  CHECK(lacks(single, "the fastest"));
  CHECK(says(single, " times as fast as seq. Undecided, and possibly faster: ddp x8 ("));
}

TEST_CASE("what ran on several ranks and cannot be used is said first") {
  std::vector<RunData> runs = {make_run({}), make_run(half())};
  runs.back().header.status = "interrupted";
  const std::string text = verdict_of(runs);
  CHECK(text.starts_with("No run of ddp x2 can be used: the run did not finish"));
  CHECK(says(text, "[incomplete-run]"));
  CHECK(says(text, "cannot be said: no run on more than one rank can be used"));
  CHECK(lacks(text, "No run used"));
}

TEST_CASE("files that cannot be read are said first") {
  RunSet set = make_set({make_run({})});
  set.unreadable = {"x4/run.h5: truncated"};
  const auto sentences = verdict(Analysis(std::move(set), Baseline::seq));
  CHECK(sentences.front() == "1 file cannot be read, so what it holds is missing here.");
  CHECK(says(sentences.back(), "No run that could be read used more than one rank"));
}

TEST_CASE("a baseline that cannot be used is said, and why") {
  std::vector<RunData> runs = {make_run({}), make_run(half())};
  runs.front().header.status = "interrupted";
  const std::string text = verdict_of(runs);
  CHECK(text.starts_with("No run of seq can be used: the run did not finish"));
  CHECK(says(text, "there is no run to compare it with"));
}

TEST_CASE("what is slower does not speak for what could not be compared") {
  SyntheticRun four = half();
  four.ranks = 4;
  std::vector<RunData> runs = launches({half(30e-3), four});
  for (RunData& run : runs)
    if (run.steps.ranks() == 4) run.header.status = "interrupted";
  const std::string text = verdict_of(runs);
  CHECK(says(text, "Parallel training does not pay where it could be compared"));
  CHECK(says(text, "Not compared: ddp x4."));
  CHECK(lacks(text, "every number of ranks that was tried"));
}

TEST_CASE("where every comparison is refused, that is why nothing can be said") {
  std::vector<RunData> runs = launches({half(1e-3)});
  for (RunData& run : runs)
    if (run.header.mode == "ddp") run.fingerprint = "ffffffffffffffff";
  const std::string text = verdict_of(runs);
  CHECK(says(text, "cannot be said: every comparison is refused"));
  CHECK(lacks(text, "there is no run"));
}

TEST_CASE("the largest speedup against another baseline is not called the fastest") {
  std::vector<RunData> runs = launches({half(1e-3)});
  for (RunData run : launches({half(0.5e-3)})) {
    run.header.uuid += " of another batch";
    run.settings["training.global_batch"] = "128";
    for (std::int32_t& samples : run.steps.samples.values) samples *= 2;
    for (double& seconds : run.steps.wall.values) seconds += 1e-9;  // or else it were a copy
    for (AuditRow& audit : run.audit)
      for (auto& samples : audit.samples) samples *= 2;
    runs.push_back(run);
  }
  const std::string text = verdict_of(runs);
  CHECK(says(text, "has the largest speedup, "));
  CHECK(lacks(text, "is the fastest"));
}

TEST_CASE("only the single side is to be launched again") {
  std::vector<RunData> runs = launches({half(1e-3)});
  std::erase_if(runs, [n = 0](const RunData& run) mutable { return run.header.mode == "seq" && n++ > 0; });
  CHECK(says(verdict_of(runs), "two more launches of seq would give an interval"));
}

TEST_CASE("what ranks of another mode lose is called by its name") {
  const auto of_mode = [](const std::string& mode, double optimizer) {
    SyntheticRun run = half(8e-3);
    run.mode = mode;
    run.optimizer = optimizer;
    return verdict_against(run);
  };
  CHECK(says(of_mode("ps", 1e-3), "goes into the messages to and from the parameter server"));
  CHECK(says(of_mode("pipe", 1e-3), "goes into the messages between stages"));
  CHECK(says(of_mode("hybrid", 1e-3), "goes into the messages between stages and between replicas"));
  CHECK(says(of_mode("pipe", 20e-3), "% goes into the optimizer, "));
  CHECK(lacks(of_mode("pipe", 20e-3), "which every rank runs in full"));
}

TEST_CASE("a part that is more than the whole loss is told in ms, and that others take less") {
  SyntheticRun slow_loader = usual_seq(1), quick = half(0.5e-3);
  slow_loader.data = 20e-3;
  quick.data = 0;
  quick.backward = 21e-3;
  const std::string text = verdict_of({make_run(slow_loader), make_run(quick)});
  CHECK(says(text, " ms more than the ideal "));
  CHECK(says(text, " ms more go into forward and backward passes"));
  CHECK(says(text, "; other parts take less than their share."));
}

TEST_CASE("longer passes are explained where most is lost by them") {
  SyntheticRun slow_compute = half();
  slow_compute.backward = 18e-3;
  const std::string text = verdict_against(slow_compute);
  CHECK(says(text,
             "Passes take 8.00 ms longer: 8.00 ms by memory bandwidth and clock, which the ranks of a node "
             "share, a rank's smaller batch or communication during the passes."));
  CHECK(says(text, "run: train_seq with --set training.global_batch=32; the same run with --set"));
  CHECK(lacks(verdict_against(half(8e-3)), "Passes take"));
}

TEST_CASE("no difference is said as none") {
  CHECK(says(verdict_of(launches({half(15e-3)})), "Whether ddp x2 is faster than seq cannot be said yet"));
}

TEST_CASE("the biggest share of the lost time is named") {
  SECTION("a late rank") {
    const std::string text = verdict_against(half(0.1e-3, 8e-3));
    CHECK(says(text, "ms that a step takes beyond the ideal 15.8 ms"));
    CHECK(says(text,
               "89.9 % goes into waiting for rank 1, whose forward and backward passes take 23.0 ms of a "
               "step, those "
               "of the other 15.0 ms (its own extra time included); the link itself costs 1.1 %."));
  }
  SECTION("transfer") { CHECK(says(verdict_against(half(8e-3)), "% goes into the all-reduces themselves")); }
  SECTION("data") {
    SyntheticRun slow_loader = half();
    slow_loader.data = 9e-3;
    CHECK(says(verdict_against(slow_loader), "94.1 % goes into waiting for the loader."));
  }
  SECTION("compute") {
    SyntheticRun slow_compute = half();
    slow_compute.backward = 18e-3;
    CHECK(says(verdict_against(slow_compute), "goes into forward and backward passes that take longer"));
  }
  SECTION("optimizer") {
    SyntheticRun repeated = half();
    repeated.optimizer = 5e-3;
    CHECK(says(verdict_against(repeated), "goes into the optimizer, which every rank runs in full"));
  }
  SECTION("nothing") {
    SyntheticRun ideal = half();
    ideal.optimizer = 0.5e-3;
    ideal.data = 0.25e-3;
    ideal.other = 0.05e-3;
    CHECK(says(verdict_against(ideal), "Next to nothing is lost against the ideal step."));
  }
}

TEST_CASE("waiting is laid on the rank that causes it, with what it does otherwise, and the link beside it") {
  const auto verdict_on = [](const SimulatedRun& four) {
    SimulatedRun one = four;
    one.ranks = 1;
    return verdict_of({simulate(one), simulate(four)});
  };
  SimulatedRun s;
  s.ranks = 4;
  SECTION("its loader") {
    s.slow_rank = 3;
    s.slow_data = 60;
    const std::string text = verdict_on(s);
    CHECK(says(text,
               "goes into waiting for rank 3, whose loader takes 4.80 ms of a step, those of the others "
               "0.0800 ms (its own "
               "extra time included); the link itself costs "));
  }
  SECTION("its work") {
    s.slow_rank = 1;
    s.slow_compute = 1.5;
    CHECK(
        says(verdict_on(s), "waiting for rank 1, whose forward and backward passes take 7.20 ms of a step"));
  }
  SECTION("nobody in particular") {
    s.spread = 0.4;
    s.link = {1e-6, 100e9};
    CHECK(says(verdict_on(s), "for late ranks, a different one each time"));
  }
}

TEST_CASE("an open budget gives no reasons") {
  std::vector<RunData> runs = {make_run({}), make_run(half(8e-3))};
  for (double& v : runs[1].steps.forward.values) v *= 2;
  CHECK(lacks(verdict_of(runs), "goes into"));
}

TEST_CASE("a refused speedup is no speedup in the verdict either") {
  RunData elsewhere = make_run(half());
  elsewhere.fingerprint = "ffffffffffffffff";
  const std::string text = verdict_of({make_run({}), elsewhere});
  CHECK(says(text,
             "No speedup is claimed for ddp x2: the two ran on different hardware: fingerprint "
             "ffffffffffffffff, baseline 00112233aabbccdd [cross-hardware]."));
  CHECK(says(text, "Whether parallel training pays cannot be said"));
  CHECK(lacks(text, "times as fast"));
}

TEST_CASE("without a baseline, and without a parallel run") {
  CHECK(says(verdict_of({make_run(half())}), "there is no run to compare it with"));
  CHECK(verdict_of({make_run({})}) == "No run used more than one rank, so there is no speedup.\n");
}

TEST_CASE("weak scaling is told in samples per second") {
  const std::string text = verdict_against(
      {.mode = "ddp", .ranks = 2, .steps = 20, .batch = 128, .transfer = 2e-3, .scaling = "weak"});
  CHECK(says(text, "1.88 times as fast (single launches"));
  CHECK(says(text, "3810 instead of 2025 samples/s"));
}

TEST_CASE("the baseline that was asked for leads") {
  CHECK(says(verdict_of({make_run({}), make_run({.mode = "ddp", .other = 0.3e-3}), make_run(half())},
                        Baseline::one_rank),
             "Whether ddp x2 is faster than ddp x1 cannot be said yet"));
}

TEST_CASE("several workloads are told apart") {
  std::vector<RunData> runs = {make_run({}), make_run(half())};
  RunData other = make_run({.uuid = "other"});
  other.model.name = "cnn";
  runs.push_back(other);
  const std::string text = verdict_of(runs);
  CHECK(says(text, "mlp on fashion_mnist: Whether ddp x2 is"));
  CHECK(says(text, "cnn on fashion_mnist: No run used"));
}
