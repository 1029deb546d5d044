// Files of commbench: the link behind them, which runs it serves, and what predict and advise do with it.
#include "analysis/model/link_bench.hpp"

#include "analysis/render/render.hpp"
#include "analysis/support/simulated_run.hpp"
#include "analysis/support/synthetic_bench.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/pages.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

LinkBench reduced(const SyntheticBench& s) { return reduce_bench(make_bench(s), "bench/" + s.uuid); }

bool holds(const Estimate& e, double truth) {
  return e.interval && e.interval->low <= truth && truth <= e.interval->high;
}

// A launch as bench_of looks at it.
Launch launch_with(std::int64_t ranks, std::int64_t nodes = 1) {
  Launch launch;
  launch.fingerprint = "f00d";
  launch.ranks = ranks;
  launch.nodes = nodes;
  launch.settings["parallel.backend"] = "mpi";
  return launch;
}

Analysis analysis_with(const std::vector<int>& rank_counts, const std::vector<LinkBench>& benches,
                       const SimulatedRun& machine = {}) {
  std::vector<RunData> runs;
  for (const int ranks : rank_counts) {
    SimulatedRun s = machine;
    s.ranks = ranks;
    runs.push_back(simulate(s));
    runs.back().settings["parallel.backend"] = "mpi";
  }
  RunSet set = make_set(runs);
  set.benches = benches;
  for (LinkBench& bench : set.benches) bench.fingerprint = runs.front().fingerprint;
  return Analysis(std::move(set), Baseline::seq);
}

}  // namespace

TEST_CASE("the link behind exact times is found exactly") {
  for (const int ranks : {2, 3, 8}) {
    CAPTURE(ranks);
    const LinkBench bench = reduced({.latency = 35e-6, .bandwidth = 1.5e9, .ranks = ranks});
    REQUIRE(bench.all_reduce);
    REQUIRE(bench.message);
    for (const BenchLink& link : {*bench.all_reduce, *bench.message}) {
      CHECK(link.latency.value == Approx(35e-6));
      CHECK(link.bandwidth.value == Approx(1.5e9));
      CHECK(link.sizes == 13);
    }
    CHECK(bench.usable);
    CHECK(bench.ranks == ranks);
  }
}

TEST_CASE("the intervals of noisy repetitions hold the truth, and narrow with them") {
  const LinkBench few = reduced({.repetitions = 10, .noise = 0.1}),
                  many = reduced({.repetitions = 160, .noise = 0.1});
  for (const LinkBench& bench : {few, many}) {
    CHECK(holds(bench.all_reduce->latency, 20e-6));
    CHECK(holds(bench.all_reduce->bandwidth, 2e9));
    CHECK(holds(bench.message->latency, 20e-6));
    CHECK(holds(bench.message->bandwidth, 2e9));
  }
  const auto width = [](const Estimate& e) { return e.interval->high - e.interval->low; };
  CHECK(width(many.all_reduce->bandwidth) < 0.5 * width(few.all_reduce->bandwidth));
}

TEST_CASE("waiting for a late rank is in the time of a collective, not in the link") {
  const LinkBench bench = reduced({.late = 1e-3});
  CHECK(bench.all_reduce->latency.value == Approx(20e-6));
  for (const BenchRow& row : bench.rows)
    if (row.collective == "all_reduce" && row.bytes == 4)
      CHECK(row.median == Approx(1e-3 + 2 * 20e-6 + 2e-9));
}

TEST_CASE("bandwidths are those of nccl-tests") {
  CommBenchCase one{"all_reduce", 515250000, -1, 0, Matrix<double>(8, 1, 2.437e-3)};
  const BenchRow row = row_of(one);
  CHECK(row.algorithm_bandwidth == Approx(211.4e9).epsilon(1e-3));
  CHECK(row.bus_bandwidth == Approx(370e9).epsilon(1e-3));
  one.collective = "send_recv";
  CHECK(row_of(one).bus_bandwidth == row_of(one).algorithm_bandwidth);
  one.collective = "barrier";
  one.bytes = 0;
  CHECK(row_of(one).algorithm_bandwidth == 0);
}

TEST_CASE("ranks that took no part do not count") {
  CommBenchCase one{"send_recv", 8, -1, 0, Matrix<double>(3, 2)};
  one.seconds.values = {2, 4, 0, 0, 0, 0};
  CHECK(row_of(one).median == 3);
  CHECK(row_of(one).fastest == 2);
}

TEST_CASE("one size gives no link, wrong results and a run that broke off are not used") {
  CommBench bench = make_bench({});
  std::erase_if(bench.cases, [](const CommBenchCase& one) { return one.bytes != 1024; });
  CHECK_FALSE(reduce_bench(bench, "x").all_reduce);
  bench = make_bench({});
  bench.cases[3].wrong = 1;
  CHECK_FALSE(reduce_bench(bench, "x").usable);
  bench = make_bench({});
  bench.header.status = "running";
  CHECK_FALSE(reduce_bench(bench, "x").usable);
  CHECK(reduce_bench({}, "x").rows.empty());
}

TEST_CASE("a launch is served by a bench of its hardware, back end and reach; of as many ranks first") {
  const std::vector<LinkBench> benches = {
      reduced({.ranks = 2, .uuid = "old", .started = "2026-01-01T00:00:00Z"}),
      reduced({.ranks = 2, .uuid = "new", .started = "2026-01-02T00:00:00Z"}),
      reduced({.ranks = 4, .uuid = "four"}),
      reduced({.ranks = 8, .uuid = "elsewhere", .fingerprint = "beef"}),
      reduced({.ranks = 8, .uuid = "nccl", .backend = "nccl"}),
      reduced({.ranks = 8, .uuid = "nodes", .hosts = {"h0", "h1"}})};
  CHECK(bench_of(launch_with(2), benches)->uuid == "new");
  CHECK(bench_of(launch_with(4), benches)->uuid == "four");
  CHECK(bench_of(launch_with(3), benches)->uuid == "four");
  CHECK(bench_of(launch_with(8), benches)->uuid == "four");
  CHECK(bench_of(launch_with(8, 2), benches)->uuid == "nodes");
  Launch other = launch_with(2);
  other.fingerprint = "0";
  CHECK(bench_of(other, benches) == nullptr);
  CHECK(bench_of(launch_with(2), {}) == nullptr);
  Launch one = launch_with(1);
  one.settings["parallel.backend"] = "self";
  CHECK(bench_of(one, benches) != nullptr);
}

TEST_CASE("predict and advise reckon with the bench, and say so; --link goes before it") {
  const LinkBench bench = reduced({.latency = 300e-6, .bandwidth = 0.1e9});
  const Analysis with = analysis_with({1, 2}, {bench}), without = analysis_with({1, 2}, {});
  const auto predicted = [](const Analysis& analysis, const PageOptions& options) {
    std::vector<Predictor> all = predictors_of(analysis.summaries.front(), Baseline::seq);
    REQUIRE(all.size() == 1);
    choose_link(all.front(), analysis, options);
    return all.front();
  };
  CHECK(predicted(with, {}).link().latency == Approx(300e-6));
  CHECK(predicted(with, {}).link().bandwidth == Approx(0.1e9));
  CHECK(predicted(without, {}).link().bandwidth > 0.2e9);
  PageOptions given;
  given.link = Link{1e-6, 5e9};
  CHECK(predicted(with, given).link().bandwidth == 5e9);

  const std::string words = "as the all-reduces of commbench show (mpi, 2 ranks, bench/";
  CHECK(says(render(predict_page(with, {}), Format::md), words));
  CHECK(says(render(advise_page(with, {}), Format::md), words));
  CHECK(says(render(predict_page(without, {}), Format::md), "as its own all-reduces show"));
  CHECK(says(render(predict_page(with, given), Format::md), "as given"));
}

TEST_CASE("a sequential run and a bench tell of four ranks") {
  SimulatedRun machine;
  machine.link = {100e-6, 0.5e9};
  const Analysis analysis =
      analysis_with({1}, {reduced({.latency = 100e-6, .bandwidth = 0.5e9, .ranks = 4})}, machine);
  std::vector<Predictor> all = predictors_of(analysis.summaries.front(), Baseline::seq);
  REQUIRE(all.size() == 1);
  CHECK_FALSE(all.front().has_link());
  choose_link(all.front(), analysis, {});
  REQUIRE(all.front().has_link());
  const double told =
      cost_of_step(all.front().model(), all.front().link(), 4, all.front().samples_per_rank() / 4).seconds;
  machine.ranks = 4;
  const Analysis measured = analyse({simulate(machine)});
  CHECK(told == Approx(measured.summaries.front().groups.front().step_seconds.value).epsilon(0.15));
}

TEST_CASE("the page of bandwidth") {
  const Analysis with = analysis_with({1, 2}, {reduced({})});
  const std::string page = render(bandwidth_page(with, {}), Format::md);
  CHECK(says(page, "all-reduces, as rings show a link of 20"));
  CHECK(says(page, "send_recv"));
  CHECK(says(render(bandwidth_page(with, {}), Format::json), "\"busbw\""));
  CHECK(says(render(bandwidth_page(analysis_with({1}, {}), {}), Format::md), "No file of commbench"));
  LinkBench wrong = reduced({});
  wrong.usable = false;
  wrong.rows[0].wrong = 3;
  CHECK(says(render(bandwidth_page(analysis_with({1}, {wrong}), {}), Format::md),
             "3 elements of results were wrong; its numbers are not used"));
}
