// The page of each verb, from runs whose truth is known.
#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "analysis/checks/rules.hpp"
#include "analysis/import/csv_records.hpp"
#include "analysis/model/convergence.hpp"
#include "analysis/render/render.hpp"
#include "analysis/support/simulated_run.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/pages.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

using PageOf = Page (*)(const Analysis&, const PageOptions&);

// Markdown does not break lines.
std::string text_of(PageOf page, const Analysis& analysis, Format format = Format::md) {
  return render(page(analysis, {}), format);
}

// One and more ranks of one simulated machine, single launches.
Analysis machine(const SimulatedRun& simulated, std::initializer_list<int> rank_counts) {
  std::vector<RunData> runs;
  for (const int ranks : rank_counts) {
    SimulatedRun s = simulated;
    s.ranks = ranks;
    runs.push_back(simulate(s));
  }
  return analyse(runs);
}

// Three launches of each.
Analysis repeated(const SimulatedRun& simulated, std::initializer_list<int> rank_counts) {
  std::vector<RunData> runs;
  for (const int ranks : rank_counts)
    for (int seed = 1; seed <= 3; ++seed) {
      SimulatedRun s = simulated;
      s.ranks = ranks;
      s.seed = seed;
      runs.push_back(simulate(s));
    }
  return analyse(runs);
}

// Step times by Amdahl's law.
Analysis amdahl() {
  std::vector<RunData> runs;
  for (const int p : {1, 2, 4, 8}) {
    SimulatedRun s;
    s.ranks = p;
    s.buckets = {};
    s.data = s.forward = s.backward = s.optimizer = s.other = 0;
    s.fixed = 0.1 * 10e-3 + 0.9 * 10e-3 / p;
    runs.push_back(simulate(s));
  }
  return analyse(runs);
}

Difference difference_of(const std::vector<RunData>& before, const std::vector<RunData>& after) {
  PageOptions options;
  options.paths = {"a", "b"};
  return difference(analyse(before), analyse(after), options);
}

std::vector<RunData> with_data(double seconds) {
  std::vector<RunData> runs;
  for (int seed = 1; seed <= 3; ++seed) {
    SyntheticRun s = usual_ddp(seed);
    s.data = seconds;
    runs.push_back(make_run(s));
  }
  return runs;
}

}  // namespace

TEST_CASE("every page renders in every format") {
  const Analysis full = machine({}, {1, 2, 4}), empty = analyse({make_run({.mode = "ddp"})});
  for (const PageOf page : {scaling_page, budget_page, overlap_page, pop_page, convergence_page,
                            pipeline_page, validate_page, predict_page, advise_page})
    for (const Analysis* analysis : {&full, &empty})
      for (const Format format : {Format::table, Format::md, Format::json, Format::csv}) {
        const std::string text = text_of(page, *analysis, format);
        CHECK(lacks(text, "nan"));
        CHECK(lacks(text, "inf"));
        CHECK((format == Format::csv || !text.empty()));
      }
}

TEST_CASE("the CSV of a page is one table, of which each row says which table it is of") {
  const Analysis analysis = machine({}, {1, 2, 4});
  for (const PageOf page_of : {scaling_page, budget_page, overlap_page, pop_page, convergence_page,
                               pipeline_page, validate_page, predict_page, advise_page}) {
    const Page page = page_of(analysis, {});
    std::map<std::string, std::string> units;
    std::map<std::string, std::size_t> expected, found;
    for (const Table& table : page.tables) {
      if (!table.rows.empty()) expected[table.key] += table.rows.size();
      for (const Column& column : table.columns)
        CHECK(units.emplace(column.key, column.unit).first->second == column.unit);
    }
    const std::string text = render(page, Format::csv);
    CsvRecords records(text, "page");
    std::vector<std::string> header, fields;
    REQUIRE(records.next(header));
    CHECK(header.front() == "table");
    CHECK(std::set<std::string>(header.begin(), header.end()).size() == header.size());
    while (records.next(fields)) {
      CHECK(fields.size() == header.size());
      ++found[fields.front()];
    }
    CHECK(found == expected);
  }
}

TEST_CASE("scaling: the law behind the times is found") {
  const Analysis analysis = amdahl();
  const std::string text = text_of(scaling_page, analysis, Format::csv);
  CHECK(says(text, "\"ddp, strong\",Amdahl,parallel share,0.9"));
  CHECK(says(text, "\"ddp, strong\",universal,sigma (contention),0.1"));
  CHECK(says(text_of(scaling_page, analysis), "not clearly rising: it behaves as a serial part"));
}

TEST_CASE("scaling: overhead that grows, and the peak") {
  SimulatedRun s;
  s.link = {200e-6, 2e9};
  s.launch_spread = 0.01;
  const std::string text = text_of(scaling_page, repeated(s, {1, 2, 4, 8}));
  CHECK(says(text, "rising: overhead grows with the ranks"));
  CHECK(says(text, "ranks are the fastest; more are slower"));
  SECTION("no peak from single launches, which do not show that there is one") {
    CHECK(lacks(text_of(scaling_page, machine(s, {1, 2, 4, 8})), "ranks are the fastest"));
  }
  SECTION("no peak where every pair of ranks may as well cost nothing") {
    s.link = {20e-6, 2e9};
    s.launch_spread = 0.2;
    const std::string noisy = text_of(scaling_page, repeated(s, {1, 2, 4}));
    CHECK(says(noisy, "kappa"));
    CHECK(lacks(noisy, "ranks are the fastest"));
  }
}

TEST_CASE("scaling: what is refused is said with its code") {
  CHECK(says(text_of(scaling_page, machine({}, {1, 2})), "refused [amdahl-few-ranks]"));
  SimulatedRun slow;
  slow.link = {20e-3, 1e9};
  CHECK(says(text_of(scaling_page, machine(slow, {1, 2, 4})), "refused [amdahl-slowdown]"));
  CHECK(says(text_of(scaling_page, analyse({make_run({})})), "No law can be fitted"));
}

TEST_CASE("scaling: weak scaling is Gustafson's") {
  std::vector<RunData> runs = {make_run({})};
  for (const int p : {2, 4})
    runs.push_back(make_run({.mode = "ddp",
                             .ranks = p,
                             .steps = 40 / p,
                             .batch = 64 * p,
                             .transfer = 3.17e-3,
                             .scaling = "weak"}));
  const std::string text = text_of(scaling_page, analyse(runs), Format::csv);
  CHECK(says(text, "\"ddp, weak\",Gustafson,serial share,0."));
  CHECK(lacks(text, "Amdahl"));
}

TEST_CASE("budget: the parts of a step, and of what is lost") {
  const Analysis analysis = analyse({make_run({}), make_run(usual_ddp(1))});
  const std::string text = text_of(budget_page, analysis);
  CHECK(says(text, "Time lost against the ideal step"));
  CHECK(says(text_of(budget_page, analysis, Format::csv), "table,group,wall,data,h2d,forward"));
  CHECK(
      says(text_of(budget_page, analyse({make_run({.mode = "ddp", .ranks = 2})})), "no run to compare with"));
}

TEST_CASE("the budget tells the memory of the rank that holds the most, where it is recorded") {
  RunData run = make_run({.mode = "ddp", .ranks = 2});
  CHECK(lacks(text_of(budget_page, analyse({run})), "Memory"));
  run.memory = {.parameters = {4'000'000, 4'000'000},
                .gradients = {4'000'000, 4'000'000},
                .optimizer = {4'000'000, 3'999'936}};
  for (EpochRow& epoch : run.epochs) epoch.peak_memory_bytes = 70'000'000;
  const Analysis analysis = analyse({run});
  CHECK(says(text_of(budget_page, analysis), "Memory of the rank that holds the most"));
  CHECK(says(text_of(budget_page, analysis, Format::csv), ",4000000,4000000,4000000,12000000,70000000"));
}

TEST_CASE("overlap: waiting, transfer, buckets, whom the ranks wait for") {
  SimulatedRun s;
  s.slow_rank = 2;
  s.slow_data = 20;
  const std::string text = text_of(overlap_page, machine(s, {1, 4}));
  CHECK(says(text, "always the same"));
  CHECK(says(text, "data"));
  CHECK(says(text, "Gradient buckets in a mean step"));
  const std::string csv = text_of(overlap_page, machine({}, {4}), Format::csv);
  CHECK(says(csv, "buckets,ddp x4,"));
  CHECK(says(csv, ",3,1000000,"));
  CHECK(says(text_of(overlap_page, analyse({make_run({})})), "No run communicates"));
}

TEST_CASE("overlap: what is not in the file is said") {
  CHECK(says(text_of(overlap_page, analyse({make_run(usual_ddp(1))})), "have about the same size"));
  RunData run = make_run(usual_ddp(1));
  run.comm = {};
  CHECK(says(text_of(overlap_page, analyse({run})), "the files have no events of gradient buckets"));
  CHECK(says(text_of(pop_page, analyse({run})), "no events, so the step cannot be replayed"));
}

TEST_CASE("pop: the factor that costs most is named") {
  SimulatedRun uneven;
  uneven.slow_rank = 1;
  uneven.slow_compute = 2;
  CHECK(says(text_of(pop_page, machine(uneven, {4})), "uneven work of the ranks (load balance)"));
  SimulatedRun slow;
  slow.link = {1e-3, 1e9};
  CHECK(says(text_of(pop_page, machine(slow, {4})), "the factor that costs most is the transfer of data"));
  CHECK(says(text_of(pop_page, analyse({make_run({})})), "No run has more than one rank"));
}

TEST_CASE("convergence: targets of training.target, censored launches, statistical efficiency") {
  std::vector<RunData> runs = usual_runs();
  for (RunData& run : runs) {
    run.settings["training.target"] = "[0.5, 0.852]";
    run.epochs[0].validation_metric = 0.4;
  }
  const Analysis analysis = analyse(runs);
  const Convergence found = convergence_of(analysis.summaries.front(), Baseline::seq);
  CHECK(found.given);
  CHECK(found.targets == std::vector<double>{0.5, 0.852});
  REQUIRE(found.times.size() == 4);
  CHECK(found.times[0].reached == 3);
  CHECK(found.times[0].samples->value == Approx(80 * 64));
  CHECK(found.times[1].reached == 2);  // 0.851, 0.852, 0.853
  CHECK(found.times[2].statistical_efficiency->value == Approx(1));
  CHECK(found.times[2].speedup->value == Approx(1.66).epsilon(0.02));
  CHECK(says(text_of(convergence_page, analysis), "2 of 3"));
}

TEST_CASE("convergence: a target that half of the launches never reach has no time") {
  std::vector<RunData> runs = usual_runs();
  for (RunData& run : runs) run.settings["training.target"] = "0.99";
  const std::string text = text_of(convergence_page, analyse(runs));
  CHECK(says(text, "0 of 3"));
  CHECK(says(text, "half of the launches or more never reach it"));
  for (RunData& run : runs) {
    run.settings["training.target"] = "";
    run.higher_is_better = false;
    run.chance = std::numeric_limits<double>::quiet_NaN();
  }
  const Analysis lower = analyse(runs);
  const Convergence error = convergence_of(lower.summaries.front(), Baseline::seq);
  CHECK(error.targets.front() == Approx(1.05 * 0.851));
  CHECK(error.times.front().reached == 3);
  CHECK(numbers_in("[0.85, x, 9e-1]") == std::vector<double>{0.85, 0.9});
  CHECK(numbers_in("").empty());
}

TEST_CASE("pipeline: the measured bubble beside the ideal one") {
  RunData run = make_run({.mode = "pipe", .ranks = 4});
  run.settings["parallel.schedule"] = "gpipe";
  run.settings["parallel.stages"] = "4";
  run.settings["parallel.micro_batches"] = "4";
  for (std::int64_t r = 0; r < 4; ++r)
    for (std::int64_t s = 0; s < run.steps.steps(); ++s) {
      run.steps.bubble.at(r, s) = 10e-3;
      run.steps.wall.at(r, s) += 10e-3;
      run.steps.start.at(r, s) += 10e-3 * static_cast<double>(s);
    }
  const std::string text = text_of(pipeline_page, analyse({run}), Format::csv);
  CHECK(says(text, "pipe x4,gpipe,4,4,0.25,"));     // 10 of the 40 ms of passes
  CHECK(says(text, ",0.428571429,0.428571429\n"));  // 3/7, and of equal stages the same
  for (int stage = 0; stage < 4; ++stage)           // twice as long as the others: the second
    for (const int direction : {0, 1}) {
      run.stages.rank.push_back(stage);
      run.stages.step.push_back(70);
      run.stages.stage.push_back(stage);
      run.stages.micro_batch.push_back(0);
      run.stages.direction.push_back(direction);
      run.stages.start.push_back(0);
      run.stages.end.push_back(stage == 1 ? 2e-3 : 1e-3);
    }
  // T >= 3 x 4 + 10 ms, of which the stages work 4 x 10 ms together.
  CHECK(says(text_of(pipeline_page, analyse({run}), Format::csv), ",0.428571429,0.545454545\n"));
  CHECK(says(text_of(pipeline_page, analyse({make_run({})})), "No run is a pipeline"));
}

TEST_CASE("validate: every check, and what it found") {
  std::vector<RunData> runs = usual_runs();
  runs[0].header.valid = false;
  runs[0].header.invalid_reasons = {"rows were trained on twice"};
  const std::string text = text_of(validate_page, analyse(runs));
  CHECK(says(text, "5 of 6 runs can be used, 0 cannot be read; claims are refused."));
  CHECK(says(text, "invalid-run"));
  CHECK(says(text, "rows were trained on twice"));
  for (const Rule& rule : rules()) CHECK(says(text, rule.code));
}

TEST_CASE("diff: which phase changed, and whether that is a regression") {
  const Difference slower = difference_of(with_data(0.5e-3), with_data(4e-3));
  const std::string text = render(slower.page, Format::md);
  CHECK(slower.regression);
  CHECK(says(text, "most of it is data: 0.500 -> 4.00 ms"));
  CHECK(says(text, "% longer"));
  const Difference faster = difference_of(with_data(4e-3), with_data(0.5e-3));
  CHECK_FALSE(faster.regression);
  CHECK(says(render(faster.page, Format::md), "% less"));
  const Difference same = difference_of(with_data(0.5e-3), with_data(0.5e-3));
  CHECK_FALSE(same.regression);
  CHECK(says(render(same.page, Format::md), "no significant change"));
}

TEST_CASE("diff: what cannot be compared is not, and what is on one side alone is said") {
  std::vector<RunData> elsewhere = with_data(9e-3);
  for (RunData& run : elsewhere) run.fingerprint = "ffffffffffffffff";
  const Difference refused = difference_of(with_data(0.5e-3), elsewhere);
  CHECK_FALSE(refused.regression);
  CHECK(says(render(refused.page, Format::md), "refused [cross-hardware]"));
  const std::string apart = render(difference_of({make_run({})}, with_data(1e-3)).page, Format::md);
  CHECK(says(apart, "seq is only in the first"));
  CHECK(says(apart, "ddp x2 is only in the second"));
  CHECK(says(apart, "No configuration is in both"));
}

TEST_CASE("predict: what is missing is said, and what is assumed") {
  const std::string alone = text_of(predict_page, analyse({make_run({})}));
  CHECK(says(alone, "the link is unknown: give it with --link"));
  PageOptions options;
  options.ranks = {4, 1024};
  options.link = Link{2e-6, 25e9};
  const std::string text = render(predict_page(machine({}, {1, 2}), options), Format::md);
  CHECK(says(text, "as given; ring all-reduce"));
  CHECK(says(text, "the global batch has fewer samples than there are ranks"));
  CHECK(says(text, "the model built from it gives"));
}

TEST_CASE("advise: nothing to gain is said") {
  SyntheticRun ideal{.optimizer = 0, .other = 0};
  ideal.data = 0;
  CHECK(says(text_of(advise_page, analyse({make_run(ideal)})), "no known change is sure to help"));
}
