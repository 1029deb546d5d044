// A study of repetition: from laws of known parameters, noisy launches are drawn a hundred times, and of the
// intervals that analyze gives, which say 95 %, at least 89 must hold the truth: three standard deviations of such a
// count (2.2) below 95. Slow.
#include <cmath>
#include <map>

#include "analysis/model/scaling.hpp"
#include "analysis/support/simulated_run.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr int kTrials = 100, kEnough = 89, kLaunches = 5, kBatch = 64;
constexpr double kStepOfOne = 30e-3;

class Tally {
 public:
  void add(const std::string& name, const std::optional<Estimate>& estimate, double truth) {
    REQUIRE(estimate);
    REQUIRE(estimate->interval);
    const bool holds = estimate->interval->low <= truth && truth <= estimate->interval->high;
    held_[name] += holds ? 1 : 0;
    widths_[name] += (estimate->interval->high - estimate->interval->low) / kTrials;
  }
  // widest: what an interval that says something is narrower than, on average.
  void check(const std::string& name, double widest) {
    CAPTURE(name, held_[name], widths_[name]);
    CHECK(held_[name] >= kEnough);
    CHECK(widths_[name] < widest);
  }

 private:
  std::map<std::string, int> held_;
  std::map<std::string, double> widths_;
};

// A machine without communication whose steps take so long.
SimulatedRun machine(int ranks, double step, int trial, int launch) {
  SimulatedRun s;
  s.ranks = ranks;
  s.steps = 30;
  s.batch = kBatch;
  s.seed = 1000 * trial + launch;
  s.data = s.forward = s.backward = s.optimizer = s.other = 0;
  s.fixed = step;
  s.buckets = {};
  s.launch_spread = 0.02;
  s.spread = 0.03;
  return s;
}

template <typename Law>
Analysis launches_of(int trial, Law seconds) {
  std::vector<RunData> runs;
  for (const int ranks : {1, 2, 4, 8})
    for (int launch = 1; launch <= kLaunches; ++launch)
      runs.push_back(simulate(machine(ranks, seconds(ranks), trial, launch)));
  return analyse(runs);
}

ScalingSeries series_of(const Analysis& analysis) {
  const std::vector<ScalingSeries> all = scaling_series(analysis.summaries.front(), Baseline::seq);
  REQUIRE(all.size() == 1);
  return all.front();
}

Analysis reducing(const SimulatedRun& truth, int trial) {
  std::vector<RunData> runs;
  for (int launch = 1; launch <= kLaunches; ++launch) {
    SimulatedRun s = truth;
    s.seed = 1000 * trial + launch;
    s.launch_spread = 0.02;
    s.link_spread = 0.1;
    runs.push_back(simulate(s));
  }
  return analyse(runs);
}

}  // namespace

TEST_CASE("Amdahl's parallel share") {
  Tally tally;
  for (int trial = 1; trial <= kTrials; ++trial) {
    const Analysis analysis = launches_of(trial, [](int p) { return kStepOfOne * (0.1 + 0.9 / p); });
    tally.add("parallel share", series_of(analysis).amdahl_parallel_share, 0.9);
  }
  tally.check("parallel share", 0.1);
}

TEST_CASE("the universal law of scalability") {
  Tally tally;
  for (int trial = 1; trial <= kTrials; ++trial) {
    const Analysis analysis =
        launches_of(trial, [](int p) { return kStepOfOne * (1 + 0.05 * (p - 1) + 0.01 * p * (p - 1)) / p; });
    const ScalingSeries series = series_of(analysis);
    tally.add("sigma", series.usl_sigma, 0.05);
    tally.add("kappa", series.usl_kappa, 0.01);
  }
  tally.check("sigma", 0.2);
  tally.check("kappa", 0.03);
}

TEST_CASE("latency and bandwidth of the link") {
  Tally tally;
  SimulatedRun truth;
  truth.ranks = 4;
  truth.steps = 30;
  truth.spread = 0.02;
  for (int trial = 1; trial <= kTrials; ++trial) {
    const Analysis analysis = reducing(truth, trial);
    const auto& link = group_named(analysis, "ddp x4").parallel.link;
    REQUIRE(link);
    tally.add("latency", link->latency, truth.link.latency);
    tally.add("bandwidth", link->bandwidth, truth.link.bandwidth);
  }
  tally.check("latency", 0.7 * truth.link.latency);
  tally.check("bandwidth", 0.2 * truth.link.bandwidth);
}

TEST_CASE("the POP factors") {
  SimulatedRun truth;
  truth.ranks = 4;
  truth.steps = 30;
  truth.slow_rank = 2;
  truth.slow_compute = 1.2;
  const Analysis exact = analyse({simulate(truth)});
  const PopSummary expected = *group_named(exact, "ddp x4").parallel.pop;
  Tally tally;
  for (int trial = 1; trial <= kTrials; ++trial) {
    const Analysis analysis = reducing(truth, trial);
    const PopSummary& pop = *group_named(analysis, "ddp x4").parallel.pop;
    tally.add("parallel", pop.parallel, expected.parallel.value);
    tally.add("load balance", pop.load_balance, expected.load_balance.value);
    tally.add("communication", pop.communication, expected.communication.value);
    tally.add("serialisation", pop.serialisation, expected.serialisation->value);
    tally.add("transfer", pop.transfer, expected.transfer->value);
  }
  for (const char* factor : {"load balance", "serialisation"}) tally.check(factor, 0.05);
  for (const char* factor : {"parallel", "communication", "transfer"}) tally.check(factor, 0.06);
}
