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

SyntheticRun half(double transfer = 0, double late = 0) {
  return {.mode = "ddp", .ranks = 2, .forward = 5e-3, .backward = 10e-3, .transfer = transfer, .late = late};
}

}  // namespace

TEST_CASE("faster, slower or undecided: by the interval, or by 5 % for single launches") {
  CHECK(outcome_of({1.2, Estimate::Bounds{1.01, 1.3}}) == Outcome::faster);
  CHECK(outcome_of({1.2, Estimate::Bounds{0.99, 1.3}}) == Outcome::undecided);
  CHECK(outcome_of({0.9, Estimate::Bounds{0.8, 0.99}}) == Outcome::slower);
  CHECK(outcome_of({1.06, {}}) == Outcome::faster);
  CHECK(outcome_of({1.04, {}}) == Outcome::undecided);
  CHECK(outcome_of({0.94, {}}) == Outcome::slower);
}

TEST_CASE("repeated launches: speedup with its interval, in seconds, and that it pays") {
  const std::string text = verdict_of(usual_runs());
  CHECK(says(text, "ddp x2 is 1.6"));
  CHECK(says(text, "times as fast as seq (95 % interval 1.6"));
  CHECK(says(text, "s of training instead of"));
  CHECK(says(text, "an efficiency of 8"));
  CHECK(says(text, "Test accuracy is 0.852; of seq 0.852."));
  CHECK(says(text, "Parallel training pays here: ddp x2 is the fastest"));
}

TEST_CASE("single launches are called so") {
  CHECK(says(verdict_against(half(1e-3)), "is 1.80 times as fast as seq (single launches, no interval)"));
}

TEST_CASE("a slowdown is said as one") {
  const std::string text = verdict_against(half(30e-3));
  CHECK(says(text, "ddp x2 is slower than seq: it takes 1.47 times as long (single launches, no interval)"));
  CHECK(says(text, "Parallel training does not pay here"));
}

TEST_CASE("no difference is said as none") {
  CHECK(says(verdict_against(half(15e-3)), "is neither faster nor slower than seq by what was measured"));
}

TEST_CASE("the biggest share of the lost time is named") {
  SECTION("a late rank") {
    const std::string text = verdict_against(half(0.1e-3, 8e-3));
    CHECK(says(text, "ms that a step takes beyond the ideal 15.8 ms"));
    CHECK(says(
        text,
        "89.9 % goes into waiting for rank 1, whose forward and backward passes take 53.3 % longer (its own "
        "extra time included); the link itself costs 1.12 %."));
  }
  SECTION("transfer") {
    CHECK(says(verdict_against(half(8e-3)), "% goes into the exchange of gradients itself"));
  }
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
    CHECK(says(
        text,
        "goes into waiting for rank 3, which loads its data 5900 % slower (its own extra time included); "
        "the link itself costs "));
  }
  SECTION("its work") {
    s.slow_rank = 1;
    s.slow_compute = 1.5;
    CHECK(says(verdict_on(s), "waiting for rank 1, whose forward and backward passes take 50.0 % longer"));
  }
  SECTION("nobody in particular") {
    s.spread = 0.4;
    s.link = {1e-6, 100e9};
    CHECK(says(verdict_on(s), "for whichever rank is late, now one and now another"));
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
  CHECK(says(verdict_of({make_run(half())}), "there is no run that it may be compared with"));
  CHECK(verdict_of({make_run({})}) ==
        "Nothing ran on more than one rank, so there is no speedup to speak of.\n");
}

TEST_CASE("weak scaling is told in samples per second") {
  const std::string text = verdict_against(
      {.mode = "ddp", .ranks = 2, .steps = 20, .batch = 128, .transfer = 2e-3, .scaling = "weak"});
  CHECK(says(text, "ddp x2 trains on 1.88 times as many samples a second as seq"));
  CHECK(says(text, "3810 instead of 2025 samples/s"));
}

TEST_CASE("the baseline that was asked for leads") {
  CHECK(says(verdict_of({make_run({}), make_run({.mode = "ddp", .other = 0.3e-3}), make_run(half())},
                        Baseline::one_rank),
             "times as fast as ddp x1"));
}

TEST_CASE("several workloads are told apart") {
  std::vector<RunData> runs = {make_run({}), make_run(half())};
  RunData other = make_run({.uuid = "other"});
  other.model.name = "cnn";
  runs.push_back(other);
  const std::string text = verdict_of(runs);
  CHECK(says(text, "mlp on fashion_mnist: ddp x2 is"));
  CHECK(says(text, "cnn on fashion_mnist: Nothing ran"));
}
