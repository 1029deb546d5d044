// The models of a step of each mode, held against a step that is reckoned by hand.
#include "analysis/metrics/step_model.hpp"
#include "analysis/model/predictor.hpp"
#include "analysis/render/render.hpp"
#include "analysis/support/paced_run.hpp"
#include "analysis/support/simulated_run.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/pages.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

StepModel passes_only(StepKind kind) {
  StepModel m;
  m.kind = kind;
  m.compute_per_sample = 1e-3;
  return m;
}

// Steps of a parameter server: each rank but 0 costs so much of rank 0's link, and waits for its optimizer.
RunData server(int ranks, double each) {
  const double share = 1.0 / ranks;
  RunData run = make_run({.mode = "ps",
                          .ranks = ranks,
                          .data = 0,
                          .forward = 10e-3 * share,
                          .backward = 20e-3 * share,
                          .optimizer = 1e-3,
                          .transfer = each * (ranks - 1)});
  for (int r = 0; r < ranks; ++r) run.ranks[static_cast<std::size_t>(r)].host = "node " + std::to_string(r);
  for (std::int64_t r = 1; r < ranks; ++r)
    for (std::int64_t s = 0; s < run.steps.steps(); ++s) {
      run.steps.bubble.at(r, s) = run.steps.optimizer.at(r, s);
      run.steps.optimizer.at(r, s) = 0;
    }
  return run;
}

std::string predicted(const std::vector<RunData>& runs, std::vector<std::int64_t> ranks) {
  PageOptions options;
  options.ranks = std::move(ranks);
  return render(predict_page(analyse(runs), options), Format::csv);
}

}  // namespace

TEST_CASE("a parameter server's link carries the messages of all ranks") {
  StepModel m = passes_only(StepKind::server);
  m.each_message = 3e-3;
  CHECK(cost_of_step(m, {}, 5, 10).exposed == Approx(12e-3));
  CHECK(cost_of_step(m, {}, 5, 10).seconds == Approx(22e-3));
}

TEST_CASE("a pipeline fills, works as fast as its slowest stage, and drains") {
  StepModel m = passes_only(StepKind::pipeline);
  m.pipeline = {.stages = 4, .micro_batches = 4};
  CHECK(cost_of_step(m, {}, 4, 8).seconds == Approx(8e-3 * 7 / 4));  // (m + p - 1) t, t = 2 ms
  m.pipeline.longest = 1.5;                                          // stages of 3 ms, and 5 ms of the others
  CHECK(cost_of_step(m, {}, 4, 8).seconds == Approx(3 * 3e-3 + 8e-3));
  m.pipeline = {.stages = 4, .micro_batches = 4, .chunks = 2};
  CHECK(cost_of_step(m, {}, 4, 8).seconds == Approx(8e-3 * 11 / 8));
  m.optimizer = 4e-3;  // of the whole model, of which a stage has a fourth
  CHECK(cost_of_step(m, {}, 4, 8).seconds == Approx(8e-3 * 11 / 8 + 1e-3));
  m.optimizer = 0;
  m.pipeline = {.stages = 2};  // layer-wise
  m.each_message = 1e-3;
  CHECK(cost_of_step(m, {}, 2, 8).seconds == Approx(16e-3 + 2e-3));
}

TEST_CASE("a grid is a pipeline and the rings of its stages") {
  StepModel m = passes_only(StepKind::grid);
  m.pipeline = {.stages = 2, .micro_batches = 4};
  m.gradient_bytes = 8e6;
  const Link link{1e-3, 1e9};
  CHECK(cost_of_step(m, link, 2, 8).seconds == Approx(10e-3));
  CHECK(cost_of_step(m, link, 4, 8).seconds == Approx(10e-3 + link.all_reduce(4e6, 2)));
}

TEST_CASE("ranks that share out the optimizer have a part of its time, and gather what they have updated") {
  StepModel m = passes_only(StepKind::ring);
  m.overlap = false;
  m.bucket_bytes = {1e6, 3e6};
  m.bucket_ready = {0.5, 1};
  m.optimizer = 4e-3;
  const Link link{1e-3, 1e9};
  const double whole = cost_of_step(m, link, 4, 8).seconds;
  m.sharded = true;
  CHECK(cost_of_step(m, link, 4, 8).seconds == Approx(whole - 3e-3));  // of memory that they have in common
  m.gathers = true;
  CHECK(cost_of_step(m, link, 4, 8).seconds ==
        Approx(whole - 3e-3 + link.all_gather(1e6, 4) + link.all_gather(3e6, 4)));
  CHECK(cost_of_step(m, link, 1, 8).seconds == Approx(8e-3 + 4e-3));
}

TEST_CASE("a parameter server is predicted as one") {
  const std::string page = predicted({make_run({}), server(2, 3e-3), server(4, 3e-3)}, {8});
  CHECK(says(page, "ps x4,8,8,"));
  CHECK(lacks(page, "misses"));
  const double told = 30e-3 / 8 + 1e-3 + 0.1e-3 + 7 * 3e-3;
  const std::size_t at = page.find("ps x4,8,8,") + 10;
  CHECK(std::stod(page.substr(at)) == Approx(told).epsilon(0.01));
}

TEST_CASE("what of a server's messages grows with the ranks is told by two numbers of ranks") {
  // 9 ms whatever the ranks, as of a broadcast along a chain of large pieces: 2 ranks 9 ms, 4 ranks 3 ms each.
  const std::string page = predicted({make_run({}), server(2, 9e-3), server(4, 3e-3)}, {8});
  const std::size_t at = page.find("ps x4,8,8,") + 10;
  CHECK(std::stod(page.substr(at)) == Approx(30e-3 / 8 + 1e-3 + 0.1e-3 + 9e-3).epsilon(0.01));
  const std::string one = predicted({make_run({}), server(2, 9e-3)}, {8});
  CHECK(
      says(one, "how a server's messages add up over ranks is seen where two numbers of ranks are measured"));
}

TEST_CASE("a model that misses another measured group by more than a tenth predicts nothing") {
  const std::string page =
      predicted({make_run({}), server(2, 9e-3), server(4, 3e-3), server(8, 20e-3)}, {16});
  CHECK(says(page, "the model misses ps x"));
}

TEST_CASE("a group whose pace drifts is predicted from by no model, and why is said") {
  RunData drifting = simulate({.ranks = 4, .steps = 200, .spread = 0.03});
  set_pace(drifting, [](std::int64_t step) { return step < 100 ? 1.0 : 1.5; });
  const std::string page =
      render(predict_page(analyse({simulate({.steps = 200, .spread = 0.03}), drifting}), {}), Format::md);
  CHECK(says(page, "ddp x4: nothing is predicted from it: the run slowed down"));
  CHECK(says(page, "[drift]"));
  CHECK(lacks(page, "| ddp x4 |"));
}

TEST_CASE("far extrapolation and a latency of 0 are said") {
  std::vector<RunData> runs;
  for (const int ranks : {1, 2}) {
    SimulatedRun machine;
    machine.ranks = ranks;
    machine.link.latency = 0;
    runs.push_back(simulate(machine));
  }
  PageOptions options;
  options.ranks = {2, 512};
  options.link = Link{0, 1e9};
  const std::string page = render(predict_page(analyse(runs), options), Format::md);
  CHECK(says(page, "512 ranks are 256 times as many as were measured"));
  CHECK(says(page, "the fit could not tell the latency from 0"));
}

TEST_CASE("more ranks than the cores that the measured ranks share are warned of") {
  const auto page_of = [](int cores) {
    std::vector<RunData> runs = {simulate({}), simulate({.ranks = 2})};
    for (RunData& run : runs) {
      run.settings["parallel.device"] = "cpu";
      for (RankEnvironment& rank : run.ranks) {
        rank.threads = 1;
        rank.cores_bound = cores;
      }
    }
    PageOptions options;
    options.ranks = {4};
    return render(predict_page(analyse(runs), options), Format::md);
  };
  CHECK(says(page_of(2), "its ranks share 2 cores"));
  CHECK_FALSE(says(page_of(4), "its ranks share"));
  CHECK_FALSE(says(page_of(1), "its ranks share"));  // each is bound to a core of its own
}

TEST_CASE("work that ranks on one node slow down is not work that does not grow with the batch") {
  std::vector<RunData> runs = {simulate({}), simulate({.ranks = 2, .forward = 180e-6, .backward = 360e-6})};
  const auto knows = [&] {
    const Analysis analysis = analyse(runs);
    return predictors_of(analysis.summaries.front(), Baseline::seq).front().knows_fixed_compute();
  };
  CHECK_FALSE(knows());
  runs[1].ranks[1].host = "another node";
  CHECK(knows());
}
