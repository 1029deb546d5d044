// Runs with one fault each, put into launches that are good: each has a finding, with its code and a
// sentence. faults.md lists them; it is made by this test (support/golden.hpp says how).
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "analysis/checks/rules.hpp"
#include "analysis/render/render.hpp"
#include "analysis/support/golden.hpp"
#include "analysis/support/paced_run.hpp"
#include "analysis/support/simulated_run.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kSteps = 200;

using Runs = std::vector<RunData>;

// Three launches of train_seq, and three of train_ddp on 4 ranks.
Runs good_runs() {
  Runs runs;
  for (const int ranks : {1, 4})
    for (int seed = 1; seed <= 3; ++seed) {
      runs.push_back(simulate({.ranks = ranks,
                               .steps = kSteps,
                               .seed = seed,
                               .launch_spread = 0.005,
                               .spread = 0.03,
                               .link_spread = 0.05}));
      for (RankEnvironment& rank : runs.back().ranks) rank.cores_bound = 8;
    }
  return runs;
}

template <typename Change>
void in_all(Runs& runs, const std::string& mode, Change change) {
  for (RunData& run : runs)
    if (run.header.mode == mode) change(run);
}
RunData& seq(Runs& runs) { return runs[0]; }
RunData& ddp(Runs& runs) { return runs[4]; }

// Of the launches of a mode.
void pace(Runs& runs, const std::string& mode, double (*factor)(std::int64_t)) {
  in_all(runs, mode, [&](RunData& run) { set_pace(run, factor); });
}
void set(Runs& runs, const std::string& mode, const std::string& key, const std::string& value) {
  in_all(runs, mode, [&](RunData& run) { run.settings[key] = value; });
}

// Time that moves from one column to another, or is added to it; then the steps are longer.
void lengthen(RunData& run, Matrix<double> StepTable::*column, double seconds) {
  for (std::int64_t r = 0; r < run.steps.ranks(); ++r)
    for (std::int64_t s = 0; s < run.steps.steps(); ++s) {
      (run.steps.*column).at(r, s) += seconds;
      run.steps.wall.at(r, s) += seconds;
      run.steps.start.at(r, s) += static_cast<double>(s) * seconds;
    }
}

void set_binding(RunData& run, std::int64_t bound, const char* cores) {
  for (RankEnvironment& rank : run.ranks) {
    rank.cores_bound = bound;
    rank.cores = cores;
  }
}

void set_metric(RunData& run, double value) {
  for (EpochRow& row : run.epochs) row.validation_metric = row.test_metric = value;
}

// One rank's events of one step.
void drop_events(RunData& run, std::int32_t rank, std::int32_t step) {
  CommTable& c = run.comm;
  for (std::size_t i = c.size(); i-- > 0;) {
    if (c.rank[i] != rank || c.step[i] != step) continue;
    const auto at = static_cast<std::ptrdiff_t>(i);
    for (auto* column : {&c.rank, &c.step, &c.bucket}) column->erase(column->begin() + at);
    for (auto* column : {&c.sequence, &c.bytes}) column->erase(column->begin() + at);
    for (auto* column : {&c.ready, &c.start, &c.end}) column->erase(column->begin() + at);
    c.kind.erase(c.kind.begin() + at);
  }
}

struct Fault {
  const char* what;
  const char* code;
  void (*put_into)(Runs&);
};

const Fault kFaults[] = {
    {"a launch was interrupted", "incomplete-run", [](Runs& r) { ddp(r).header.status = "interrupted"; }},
    {"replicas diverged", "replicas-diverged",
     [](Runs& r) {
       ddp(r).header.valid = false;
       ddp(r).header.invalid_reasons = {"replicas diverged after epoch 1: rank 2 differs"};
     }},
    {"data that is not sharded: rows are repeated", "work-audit",
     [](Runs& r) { ddp(r).audit[0].repeated = 9600; }},
    {"the audit counts other samples than the steps", "work-audit",
     [](Runs& r) { ddp(r).audit[0].samples[2] = 7; }},
    {"two steps are swapped", "step-order", [](Runs& r) { swap_steps(ddp(r), 50, 51); }},
    {"the epochs go back", "step-order", [](Runs& r) { ddp(r).steps.epoch.at(0, 20) = 1; }},
    {"one file, given twice", "duplicate-run", [](Runs& r) { r.push_back(ddp(r)); }},
    {"one launch, copied under new uuids", "copied-run",
     [](Runs& r) {
       r.push_back(ddp(r));
       r.back().header.uuid = "renamed";
     }},
    {"a phase is counted twice", "budget-open",
     [](Runs& r) {
       for (double& v : ddp(r).steps.forward.values) v *= 1.5;
     }},
    {"most of a step has no phase", "budget-open",
     [](Runs& r) { in_all(r, "ddp", [](RunData& run) { lengthen(run, &StepTable::other, 5e-3); }); }},
    {"events are missing on one rank", "unmatched-collectives", [](Runs& r) { drop_events(ddp(r), 2, 77); }},
    {"a rank's events are those of the step before", "unmatched-collectives",
     [](Runs& r) {
       for (std::size_t i = 0; i < ddp(r).comm.size(); ++i)
         if (ddp(r).comm.rank[i] == 1) ddp(r).comm.sequence[i] += 4;
     }},
    {"a clock is wrong by 3 ms", "clocks-apart",
     [](Runs& r) { in_all(r, "ddp", [](RunData& run) { shift_clock(run, 2, 3e-3); }); }},
    {"a clock is wrong by 1 s", "clocks-apart", [](Runs& r) { shift_clock(ddp(r), 2, 1); }},
    {"rank 0's clock is the wrong one", "clocks-apart", [](Runs& r) { shift_clock(ddp(r), 0, -5e-3); }},
    {"the loss is NaN from step 100 on", "not-a-number",
     [](Runs& r) {
       for (std::int64_t k = 100; k < kSteps; ++k)
         for (std::int64_t rank = 0; rank < 4; ++rank) ddp(r).steps.loss.at(rank, k) = std::nanf("");
     }},
    {"the perplexity is NaN", "not-a-number",
     [](Runs& r) {
       for (RunData& run : r) run.metric = "perplexity", run.higher_is_better = false;
       set_metric(ddp(r), kNan);
     }},
    {"a rank does nothing", "idle-rank",
     [](Runs& r) {
       in_all(r, "ddp", [](RunData& run) {
         for (std::int64_t k = 0; k < kSteps; ++k)
           for (Matrix<double>* phase : {&run.steps.forward, &run.steps.backward}) {
             run.steps.comm_exposed.at(3, k) += phase->at(3, k);
             phase->at(3, k) = 0;
           }
       });
     }},
    {"a rank has twice the samples of another", "uneven-work",
     [](Runs& r) {
       in_all(r, "ddp", [](RunData& run) {
         for (std::int64_t k = 0; k < kSteps; ++k)
           run.steps.samples.at(0, k) = 24, run.steps.samples.at(1, k) = 8;
         run.audit[0].samples = {24 * kSteps, 8 * kSteps, 16 * kSteps, 16 * kSteps};
       });
     }},
    {"the baseline is throttled from half way on", "drift",
     [](Runs& r) { pace(r, "seq", [](std::int64_t k) { return k < 100 ? 1.0 : 1.5; }); }},
    {"the parallel run is throttled from half way on", "drift",
     [](Runs& r) { pace(r, "ddp", [](std::int64_t k) { return k < 100 ? 1.0 : 1.5; }); }},
    {"one launch becomes slower and slower", "drift",
     [](Runs& r) {
       set_pace(ddp(r), [](std::int64_t k) { return 1 + 0.6 * static_cast<double>(k) / kSteps; });
     }},
    {"a baseline that slows down by a tenth", "unsteady",
     [](Runs& r) { pace(r, "seq", [](std::int64_t k) { return k < 120 ? 1.0 : 1.1; }); }},
    {"the first 120 of 200 steps are slow", "slow-start",
     [](Runs& r) { pace(r, "ddp", [](std::int64_t k) { return k < 120 ? 1.4 : 1.0; }); }},
    {"one launch of three takes twice as long", "outlier-launch",
     [](Runs& r) { set_pace(ddp(r), [](std::int64_t) { return 2.0; }); }},
    {"one launch of three has chosen another way of reducing gradients", "different-reductions",
     [](Runs& r) {
       in_all(r, "ddp", [](RunData& run) {
         run.settings["parallel.overlap"] = "auto";
         run.reduction = {.chosen = {Overlap::during, 25}, .reason = "the fastest of 2 tried"};
       });
       ddp(r).reduction->chosen.overlap = Overlap::after;
     }},
    {"every 20th step stalls", "stalled-steps",
     [](Runs& r) { pace(r, "ddp", [](std::int64_t k) { return k % 20 == 19 ? 20.0 : 1.0; }); }},
    {"one step of the baseline stands still for a second", "stalled-steps",
     [](Runs& r) { set_pace(seq(r), [](std::int64_t k) { return k == 150 ? 50.0 : 1.0; }); }},
    {"a second passes between steps, again and again", "gaps-between-steps",
     [](Runs& r) {
       in_all(r, "ddp", [](RunData& run) {
         for (std::int64_t k = 20; k < kSteps; k += 20) insert_gap(run, k, 1);
       });
     }},
    {"more threads than cores: 4 ranks on 2 cores", "oversubscribed",
     [](Runs& r) { in_all(r, "ddp", [](RunData& run) { set_binding(run, 2, ""); }); }},
    {"all ranks are bound to the same 2 cores", "oversubscribed",
     [](Runs& r) { in_all(r, "ddp", [](RunData& run) { set_binding(run, 2, "0 1"); }); }},
    {"OpenMP has bound a thread of each rank to the same core", "oversubscribed",
     [](Runs& r) {
       in_all(r, "ddp", [](RunData& run) {
         set_binding(run, 8, "0 1 2 3 4 5 6 7");
         for (RankEnvironment& rank : run.ranks) rank.thread_cores = "0";
       });
     }},
    {"more threads than the control group has CPUs", "oversubscribed",
     [](Runs& r) {
       in_all(r, "ddp", [](RunData& run) {
         for (RankEnvironment& rank : run.ranks) rank.cpu_quota = 2;
       });
     }},
    {"a baseline on 1 core beside ranks with 8", "fewer-cores",
     [](Runs& r) { in_all(r, "seq", [](RunData& run) { set_binding(run, 1, ""); }); }},
    {"ranks with unequal numbers of threads", "uneven-ranks", [](Runs& r) { ddp(r).ranks[2].threads = 2; }},
    {"other numbers of threads than the baseline", "unequal-threads",
     [](Runs& r) {
       in_all(r, "ddp", [](RunData& run) {
         for (RankEnvironment& rank : run.ranks) rank.threads = 2;
       });
     }},
    {"the device of a trace stands idle", "device-idle",
     [](Runs& r) {
       in_all(r, "ddp", [](RunData& run) {
         lengthen(run, &StepTable::other, 10e-3);
         run.settings["measure.other"] = "device idle";
       });
     }},
    {"a run of another program", "other-program",
     [](Runs& r) {
       in_all(r, "ddp", [](RunData& run) { run.environment["origin"] = "PyTorch profiler trace"; });
     }},
    {"a GPU at its power cap", "gpu-slowed",
     [](Runs& r) { ddp(r).epochs[0].gpu = {.recorded = true, .slowdowns = 0x4}; }},
    {"other hardware", "cross-hardware",
     [](Runs& r) { in_all(r, "ddp", [](RunData& run) { run.fingerprint = "aaaaaaaaaaaaaaaa"; }); }},
    {"no fingerprint on either side", "no-fingerprint",
     [](Runs& r) {
       for (RunData& run : r) run.fingerprint.clear();
     }},
    {"other rows", "different-work",
     [](Runs& r) { in_all(r, "seq", [](RunData& run) { run.data.train_rows *= 2; }); }},
    {"other precision", "different-work", [](Runs& r) { set(r, "ddp", "training.precision", "bf16"); }},
    {"weak scaling that is called strong", "weak-as-strong",
     [](Runs& r) {
       in_all(r, "ddp", [](RunData& run) {
         for (std::int32_t& samples : run.steps.samples.values) samples *= 4;
         for (std::int64_t& samples : run.audit[0].samples) samples *= 4;
       });
     }},
    {"a run that has learned nothing", "chance-level",
     [](Runs& r) { in_all(r, "ddp", [](RunData& run) { set_metric(run, 0.1); }); }},
    {"losses that are not those of the baseline", "different-loss",
     [](Runs& r) {
       for (RunData& run : r) run.epochs[0].train_loss = run.header.mode == "seq" ? 0.3 : 1.0;
     }},
    {"a run with parts left out", "ablation", [](Runs& r) { set(r, "ddp", "parallel.ablation", "no_comm"); }},
    {"another warm-up is left out", "different-warmup",
     [](Runs& r) { set(r, "ddp", "measure.warmup", "150"); }},
    {"a baseline that waits for its loader", "data-starved",
     [](Runs& r) { in_all(r, "seq", [](RunData& run) { lengthen(run, &StepTable::data, 4e-3); }); }},
    {"more than 5 times as fast on 4 ranks", "superlinear",
     [](Runs& r) { pace(r, "ddp", [](std::int64_t) { return 0.45; }); }},
    {"more than 4 times as fast on 4 ranks, by launches that lie far apart", "above-ranks",
     [](Runs& r) {
       const double factors[] = {0.2, 0.4, 1.1};
       for (std::size_t i = 0; i < 3; ++i) set_pace(r[3 + i], [&](std::int64_t) { return factors[i]; });
     }},
    {"recording takes 4 % of a step", "recorder-overhead", [](Runs& r) { ddp(r).recorder_overhead = 0.04; }},
    {"another version of LibTorch", "different-versions",
     [](Runs& r) { in_all(r, "ddp", [](RunData& run) { run.environment["libtorch"] = "2.4.0"; }); }},
    {"another number of loader threads", "different-loader",
     [](Runs& r) { set(r, "ddp", "data.workers", "8"); }},
    {"gradients are exchanged in bf16", "low-precision-messages",
     [](Runs& r) { set(r, "ddp", "parallel.reduce_dtype", "bf16"); }},
    {"one side writes checkpoints", "different-checkpoints",
     [](Runs& r) { set(r, "ddp", "checkpoint.every_epochs", "1"); }},
    {"a baseline that is 30 days older", "far-apart",
     [](Runs& r) { in_all(r, "seq", [](RunData& run) { run.header.started = "2026-01-01T12:00:00Z"; }); }},
    {"no audit", "no-audit", [](Runs& r) { in_all(r, "ddp", [](RunData& run) { run.audit.clear(); }); }},
    {"one launch of each", "single",
     [](Runs& r) {
       r.erase(r.begin() + 4, r.end());
       r.erase(r.begin() + 1, r.begin() + 3);
     }},
};

std::string row_of(const Fault& fault, const Analysis& analysis) {
  for (const ReportedFinding& f : all_findings(analysis))
    if (std::string(f.finding->rule->code) == fault.code)
      return fmt::format("| {} | `{}` | {} | {} |\n", fault.what, fault.code,
                         is_refusal(*f.finding) ? "refused" : "warning", f.finding->sentence);
  std::string found;
  for (const ReportedFinding& f : all_findings(analysis)) found += fmt::format(" {}", f.finding->rule->code);
  FAIL_CHECK(fault.what << " (" << fault.code << ") is not found; found:" << found);
  return "";
}

bool claims_a_speedup(const Analysis& analysis) {
  for (const WorkloadSummary& workload : analysis.summaries)
    for (const GroupSummary& group : workload.groups)
      if (group.measured() && group.against_seq.speedup) return true;
  return false;
}

const Rule& rule_called(const std::string& code) {
  for (const Rule& rule : rules())
    if (rule.code == code) return rule;
  throw std::runtime_error("no rule " + code);
}

}  // namespace

TEST_CASE("the launches that faults are put into have none") {
  CHECK(all_findings(analyse(good_runs())).empty());
  CHECK(claims_a_speedup(analyse(good_runs())));
}

TEST_CASE("every fault has its finding", "[golden]") {
  std::string list =
      "Made by faults_test: each fault alone, in three launches of train_seq and three of train_ddp on 4 "
      "ranks.\n\n| fault | code | severity | sentence |\n|---|---|---|---|\n";
  for (const Fault& fault : kFaults) {
    Runs runs = good_runs();
    fault.put_into(runs);
    const Analysis analysis = analyse(runs);
    list += row_of(fault, analysis);
    CAPTURE(fault.what);
    if (rule_called(fault.code).refuses == Claim::speedup) CHECK_FALSE(claims_a_speedup(analysis));
  }
  check_golden(list, "../faults/faults.md");
}

TEST_CASE("runs bound to other cores are no launches of one group") {
  Runs runs = good_runs();
  set_binding(ddp(runs), 4, "");
  const Analysis analysis = analyse(runs);
  CHECK(group_named(analysis, "ddp x4 cores=4").group->launches.size() == 1);
  CHECK(group_named(analysis, "ddp x4 cores=8").group->launches.size() == 2);
}

TEST_CASE("ranks on cores of their own are no oversubscription") {
  Runs runs = good_runs();
  in_all(runs, "ddp", [](RunData& run) {
    int core = 0;
    for (RankEnvironment& rank : run.ranks) {
      rank.threads = 2;
      rank.cores_bound = 2;
      rank.cores = fmt::format("{} {}", core, core + 1);
      core += 2;
    }
  });
  CHECK_FALSE(has_code(group_named(analyse(runs), "ddp x4").findings, "oversubscribed"));
}

TEST_CASE("without names of cores, ranks that fill theirs are taken to be bound apart") {
  Runs runs = good_runs();
  in_all(runs, "ddp", [](RunData& run) { set_binding(run, 1, ""); });
  CHECK_FALSE(has_code(group_named(analyse(runs), "ddp x4").findings, "oversubscribed"));
}

TEST_CASE("what is not matched or not on one clock gives no waiting") {
  for (const bool missing : {true, false}) {
    Runs runs = good_runs();
    in_all(runs, "ddp", [&](RunData& run) { missing ? drop_events(run, 2, 77) : shift_clock(run, 2, 1); });
    const Analysis analysis = analyse(runs);
    const GroupSummary& group = group_named(analysis, "ddp x4");
    CHECK_FALSE(group.wait_share);
    CHECK_FALSE(group.ratio_transfer);
    CHECK_FALSE(group.parallel.late);
    CHECK(group.last_rank == -1);
    CHECK(group.ratio_total);
    CHECK(group.against_seq.speedup);
  }
}

TEST_CASE("a server is late by what it is there for") {
  RunData run = make_run({.mode = "ps", .ranks = 2, .transfer = 2e-3, .late = 4e-3});
  StepTable& t = run.steps;
  for (std::int64_t k = 0; k < t.steps(); ++k) {
    for (Matrix<double>* column : {&t.backward, &t.comm, &t.comm_exposed})
      std::swap(column->at(0, k), column->at(1, k));
    t.backward.at(0, k) -= 4e-3;
    t.optimizer.at(0, k) += 4e-3;
  }
  for (std::int32_t& rank : run.comm.rank) rank = 1 - rank;
  const Analysis analysis = analyse({run});
  const GroupSummary& group = group_named(analysis, "ps x2");
  REQUIRE(group.parallel.late);
  CHECK(group.parallel.late->lateness.rank == 0);
  CHECK(group.parallel.late->role);
  run.header.mode = "ddp";
  CHECK_FALSE(group_named(analyse({run}), "ddp x2").parallel.late->role);
  run.header.mode = "pipe";
  CHECK_FALSE(group_named(analyse({run}), "pipe x2").parallel.late);
}
