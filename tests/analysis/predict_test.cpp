// Predictions and advice, held against what the simulated machine then does.
#include <algorithm>
#include <functional>

#include "analysis/advice/advice.hpp"
#include "analysis/render/render.hpp"
#include "analysis/support/simulated_run.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/pages.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

SimulatedRun noisy(SimulatedRun s, int seed) {
  s.seed = seed;
  s.launch_spread = 0.005;
  s.spread = 0.02;
  s.link_spread = 0.05;
  return s;
}

std::vector<RunData> launches(const SimulatedRun& machine, std::initializer_list<int> rank_counts) {
  std::vector<RunData> runs;
  for (const int ranks : rank_counts)
    for (int seed = 1; seed <= 3; ++seed) {
      SimulatedRun s = noisy(machine, seed);
      s.ranks = ranks;
      runs.push_back(simulate(s));
      // A node each, so that more ranks do not share what a rank had for itself.
      for (int r = 0; r < ranks; ++r) runs.back().ranks[static_cast<std::size_t>(r)].host = std::to_string(r);
    }
  return runs;
}

double seconds_a_step(const SimulatedRun& machine, int ranks) {
  const Analysis analysis = analyse(launches(machine, {ranks}));
  return analysis.summaries.front().groups.front().step_seconds.value;
}

Predictor predictor_of(const Analysis& analysis) {
  const std::vector<Predictor> all = predictors_of(analysis.summaries.front(), Baseline::seq);
  REQUIRE(all.size() == 1);
  return all.front();
}

// Of a prediction from one and two ranks, for so many.
void check_prediction(const SimulatedRun& machine) {
  const Analysis analysis = analyse(launches(machine, {1, 2}));
  const Predictor predictor = predictor_of(analysis);
  CHECK(predictor.source().group->label == "ddp x2");
  for (const int ranks : {4, 8}) {
    const Estimate told = predictor.estimate([&](const StepModel& m, const Link& link, const Quantities&) {
      return cost_of_step(m, link, ranks, 64.0 / ranks).seconds;
    });
    CAPTURE(ranks, told.value);
    CHECK(told.interval);
    CHECK(told.value == Approx(seconds_a_step(machine, ranks)).epsilon(0.1));
  }
}

// The first advice, and what becomes of it on a machine that follows it.
void check_advice(const SimulatedRun& faulty, const SimulatedRun& mended, const std::string& words) {
  const Analysis analysis = analyse(launches(faulty, {1, 4}));
  const std::vector<Advice> all = advice_for(predictor_of(analysis), analysis.summaries.front());
  REQUIRE_FALSE(all.empty());
  CHECK(says(all.front().what, words));
  const double promised = all.front().gain.value - 1,
               kept = seconds_a_step(faulty, 4) / seconds_a_step(mended, 4) - 1;
  CAPTURE(all.front().what, all.front().because, promised, kept);
  CHECK(promised < 1.5 * kept);
  CHECK(kept < 1.5 * promised);
}

}  // namespace

TEST_CASE("one and two ranks tell of four and eight") {
  SimulatedRun machine;
  SECTION("communication under the backward pass") {}
  SECTION("communication after it") { machine.overlap = false; }
  SECTION("a slow link") { machine.link = {100e-6, 0.5e9}; }
  SECTION("work that does not grow with the batch") { machine.fixed = 2e-3; }
  check_prediction(machine);
}

TEST_CASE("another link is reckoned with where it is given") {
  SimulatedRun machine;
  const Analysis analysis = analyse(launches(machine, {1, 2}));
  Predictor predictor = predictor_of(analysis);
  predictor.set_link({100e-6, 0.2e9});
  machine.link = {100e-6, 0.2e9};
  const StepCost cost = cost_of_step(predictor.model(), predictor.link(), 4, 16);
  CHECK(cost.seconds == Approx(seconds_a_step(machine, 4)).epsilon(0.1));
}

TEST_CASE("the first advice, followed, gives what it promised") {
  SimulatedRun faulty, mended;
  SECTION("small buckets") {
    faulty.link = mended.link = {60e-6, 2e9};
    faulty.buckets = std::vector<double>(100, 0.06e6);
    mended.buckets = std::vector<double>(3, 2e6);
    for (std::size_t i = 0; i < faulty.buckets.size(); i += 2) faulty.buckets[i] = 0.03e6;
    check_advice(faulty, mended, "parallel.bucket_mb");
  }
  SECTION("a slow rank") {
    faulty.slow_rank = 1;
    faulty.slow_compute = 1.5;
    check_advice(faulty, mended, "check rank 1");
  }
  SECTION("the slow loader of one rank") {
    faulty.slow_rank = 3;
    faulty.slow_data = 30;
    check_advice(faulty, mended, "the loader of rank 3");
  }
  SECTION("a loader that is slow everywhere") {
    faulty.data = 200e-6;
    mended.data = 0;
    check_advice(faulty, mended, "data.workers");
  }
  SECTION("no overlap") {
    faulty.overlap = false;
    faulty.link = mended.link = {20e-6, 1e9};
    check_advice(faulty, mended, "parallel.overlap true");
  }
  SECTION("an optimizer that every rank runs in full") {
    faulty.optimizer = 16e-3;
    // Adam: 28 of 32 bytes are those of the update, of which a rank has a fourth; then the buckets are gathered.
    mended.optimizer = faulty.optimizer * (1 - 28.0 / 32 * 3 / 4);
    for (const double bytes : faulty.buckets) mended.optimizer += faulty.link.all_gather(bytes, 4);
    check_advice(faulty, mended, "parallel.shard optimizer");
  }
}

TEST_CASE("sharing out the optimizer is advised where it gains, and is not there yet") {
  SimulatedRun machine;
  machine.optimizer = 16e-3;
  const auto advised = [&](const std::function<void(RunData&)>& change) {
    std::vector<RunData> runs = launches(machine, {1, 4});
    for (RunData& run : runs)
      if (run.ranks.size() > 1) change(run);
    const Analysis analysis = analyse(runs);
    for (const Predictor& predictor : predictors_of(analysis.summaries.front(), Baseline::seq))
      for (const Advice& advice : advice_for(predictor, analysis.summaries.front()))
        if (advice.what == "parallel.shard optimizer" && advice.is_gain()) return true;
    return false;
  };
  const auto as_it_is = [](RunData&) {};
  CHECK(advised(as_it_is));
  CHECK_FALSE(advised([](RunData& run) { run.settings["parallel.shard"] = "optimizer"; }));
  CHECK_FALSE(advised([](RunData& run) { run.header.mode = "ps"; }));
  CHECK_FALSE(advised([](RunData& run) { run.settings["parallel.device"] = "cuda"; }));
  machine.link = {4e-3, 2e9};  // gathering takes longer than the optimizer does
  CHECK_FALSE(advised(as_it_is));
}

TEST_CASE("the norm of the gradient is not shared out") {
  SimulatedRun machine;
  machine.optimizer = 16e-3;
  machine.link = {1e-9, 1e15};  // nothing is lost in gathering
  const auto gain = [&](const char* optimizer, const char* momentum) {
    std::vector<RunData> runs = launches(machine, {1, 4});
    for (RunData& run : runs) {
      run.settings["training.optimizer.name"] = optimizer;
      run.settings["training.optimizer.momentum"] = momentum;
    }
    const Analysis analysis = analyse(runs);
    for (const Advice& advice : advice_for(predictor_of(analysis), analysis.summaries.front()))
      if (advice.what == "parallel.shard optimizer") return advice.gain.value;
    return 0.0;
  };
  const double step = seconds_a_step(machine, 4);
  const auto expected = [&](double update) { return step / (step - 12e-3 * update); };
  CHECK(gain("adam", "0") == Approx(expected(28.0 / 32)).epsilon(0.02));
  CHECK(gain("sgd", "0.9") == Approx(expected(20.0 / 24)).epsilon(0.02));
  CHECK(gain("sgd", "0") == Approx(expected(12.0 / 16)).epsilon(0.02));
}

TEST_CASE("what was measured is advised as measured") {
  SimulatedRun slow;
  slow.overlap = false;
  std::vector<RunData> runs = launches(slow, {1, 4});
  for (const RunData& run : launches({}, {4})) runs.push_back(run);
  for (std::size_t i = 0; i < runs.size(); ++i) runs[i].header.uuid += std::to_string(i);
  const Analysis analysis = analyse(runs);
  const std::string page = render(advise_page(analysis, {}), Format::md);
  CHECK(says(page, "parallel.overlap true (gain"));
  CHECK(says(page, "because measured: ddp x4 overlap=true makes"));
}

TEST_CASE("fewer ranks, where they are faster") {
  SimulatedRun machine;
  machine.link = {2e-3, 1e9};
  const Analysis analysis = analyse(launches(machine, {1, 2, 8}));
  const std::vector<Advice> all = advice_for(predictor_of(analysis), analysis.summaries.front());
  CHECK(std::any_of(all.begin(), all.end(), [](const Advice& a) { return a.what == "fewer ranks: 1"; }));
}

TEST_CASE("a value that was measured beside another is not predicted once more") {
  std::vector<RunData> runs = launches({}, {1, 4});
  for (RunData run : launches({}, {4})) {
    run.settings["parallel.bucket_mb"] = "1";
    run.header.uuid += " of small buckets";
    for (double& seconds : run.steps.wall.values) seconds += 1e-9;  // or else it were a copy
    runs.push_back(run);
  }
  const Analysis analysis = analyse(runs);
  for (const Predictor& predictor : predictors_of(analysis.summaries.front(), Baseline::seq))
    for (const Advice& advice : advice_for(predictor, analysis.summaries.front())) {
      CAPTURE(predictor.source().group->label);
      CHECK(lacks(advice.what, "parallel.bucket_mb 1"));
    }
}

TEST_CASE("another mode that was measured faster is named, not fewer ranks alone") {
  SyntheticRun server = usual_ddp(1);
  server.mode = "ps";
  server.transfer = 20e-3;
  const Analysis analysis = analyse({make_run({}), make_run(usual_ddp(1)), make_run(server)});
  const WorkloadSummary& workload = analysis.summaries.front();
  for (const Predictor& predictor : predictors_of(workload, Baseline::seq)) {
    if (predictor.source().group->label != "ps x2") continue;
    const std::vector<Advice> all = advice_for(predictor, workload);
    CHECK(std::any_of(all.begin(), all.end(), [](const Advice& a) { return a.what == "ddp x2 instead"; }));
    return;
  }
  FAIL("no predictor of the parameter server");
}

TEST_CASE("where threads share cores nothing is promised of larger batches") {
  std::vector<RunData> runs = launches({}, {1, 4});
  const auto batches = [&] {
    const Analysis analysis = analyse(runs);
    const std::vector<Advice> all = advice_for(predictor_of(analysis), analysis.summaries.front());
    return std::count_if(all.begin(), all.end(),
                         [](const Advice& a) { return a.what.find("global batch") != std::string::npos; });
  };
  CHECK(batches() == 2);
  for (RunData& run : runs)
    for (RankEnvironment& rank : run.ranks) {
      rank.host = "node";
      rank.cores_bound = 2;
      rank.cores = "0 1";
    }
  CHECK(batches() == 0);
  CHECK(says(render(advise_page(analyse(runs), {}), Format::md), "larger batches are not considered"));
}

TEST_CASE("a gain that is shown as reaching down to 1.00 is none") {
  CHECK_FALSE(Advice{"", {1.02, Estimate::Bounds{1.004, 1.04}}, ""}.is_gain());
  CHECK(Advice{"", {1.02, Estimate::Bounds{1.006, 1.04}}, ""}.is_gain());
}

TEST_CASE("what the model misses is part of the intervals of its gains") {
  const Analysis analysis = analyse(launches({}, {1, 4}));
  const Predictor predictor = predictor_of(analysis);
  const Estimate gain{1.5, Estimate::Bounds{1.4, 1.6}}, widened = predictor.widened(gain);
  REQUIRE(predictor.worst_miss() > 0);
  CHECK(widened.interval->low == Approx(1.4 / (1 + predictor.worst_miss())));
  CHECK(widened.interval->high == Approx(1.6 * (1 + predictor.worst_miss())));
}

TEST_CASE("without a link it is the link that is asked for, and half a model is held against nothing") {
  const std::string page =
      render(predict_page(analyse({make_run({}), make_run(usual_ddp(1))}), {}), Format::md);
  CHECK(says(page, "the link is unknown"));
  CHECK(lacks(page, "misses"));
  CHECK(lacks(page, "the model that is made from it"));
}
