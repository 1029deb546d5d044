#include "analysis/support/synthetic_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "analysis/checks/rules.hpp"
#include "base/random.hpp"

namespace lockstep::test {

namespace {

constexpr std::int64_t kGradientBytes = 889'440;

// One step of one rank. `factor`: of forward and backward.
void fill_step(StepTable& t, const SyntheticRun& s, std::int64_t rank, std::int64_t step, double begin,
               double factor) {
  const double late = rank == s.ranks - 1 ? s.late : 0, waits = s.late - late;
  t.start.at(rank, step) = begin;
  t.data.at(rank, step) = s.data;
  t.forward.at(rank, step) = s.forward * factor;
  t.backward.at(rank, step) = s.backward * factor + late;
  t.optimizer.at(rank, step) = s.optimizer;
  t.other.at(rank, step) = s.other;
  t.comm.at(rank, step) = s.transfer + waits;
  t.comm_exposed.at(rank, step) = s.transfer - s.hidden + waits;
  t.wall.at(rank, step) =
      s.data + (s.forward + s.backward) * factor + s.optimizer + s.other + s.late + s.transfer - s.hidden;
  t.samples.at(rank, step) = s.batch / s.ranks;
  t.epoch.at(rank, step) = static_cast<std::int32_t>(step / s.steps);
}

void add_events(CommTable& c, const StepTable& t, const SyntheticRun& s) {
  if (s.ranks == 1) return;
  for (std::int64_t r = 0; r < t.ranks(); ++r) {
    for (std::int64_t k = 0; k < t.steps(); ++k) {
      const double end = t.start.at(r, k) + t.wall.at(r, k) - s.optimizer - s.other;
      c.rank.push_back(static_cast<std::int32_t>(r));
      c.step.push_back(static_cast<std::int32_t>(k));
      c.bucket.push_back(0);
      c.sequence.push_back(k);
      c.bytes.push_back(kGradientBytes);
      c.kind.emplace_back("all_reduce");
      c.start.push_back(end - t.comm.at(r, k));
      c.ready.push_back(c.start.back());
      c.end.push_back(end);
    }
  }
}

}  // namespace

void describe(RunData& run, const SyntheticRun& s) {
  run.header.schema = 1;
  run.header.uuid = s.uuid.empty() ? fmt::format("{}-{}-{}", s.mode, s.ranks, s.seed) : s.uuid;
  run.header.mode = s.mode;
  run.header.status = "complete";
  run.header.started = "2026-01-31T12:00:00Z";
  run.settings = {{"run.seed", std::to_string(s.seed)},
                  {"training.epochs", std::to_string(s.epochs)},
                  {"training.global_batch", std::to_string(s.batch)},
                  {"training.precision", "fp32"},
                  {"parallel.backend", s.mode == "seq" ? "self" : "mpi"},
                  {"parallel.device", "cpu"},
                  {"parallel.overlap", "true"},
                  {"measure.scaling", s.scaling},
                  {"measure.warmup", "auto"}};
  RankEnvironment rank;
  rank.host = "node";
  rank.device = rank.cpu = "cpu";
  rank.threads = 1;
  run.ranks.assign(static_cast<std::size_t>(s.ranks), rank);
  run.environment = {
      {"libtorch", "2.11.0"}, {"mpi", s.mode == "seq" ? "none" : "4.1.4"}, {"commit", "abc1234"}};
  run.fingerprint = "00112233aabbccdd";
  run.metric = "accuracy";
  run.chance = 0.1;
  run.model.name = "mlp";
  run.model.parameters = kGradientBytes / 4;
  run.model.gradient_bytes = kGradientBytes;
  run.data = {.name = "fashion_mnist",
              .train_rows = std::int64_t{s.steps} * s.batch,
              .validation_rows = 6000,
              .test_rows = 10000,
              .classes = 10,
              .digest = fmt::format("digest of seed {}", s.seed)};
}

StepTable empty_steps(std::int64_t ranks, std::int64_t steps) {
  StepTable t;
  for (Matrix<double>* m : {&t.start, &t.wall, &t.data, &t.h2d, &t.forward, &t.backward, &t.comm,
                            &t.comm_exposed, &t.optimizer, &t.bubble, &t.other})
    *m = Matrix<double>(ranks, steps);
  t.samples = t.epoch = Matrix<std::int32_t>(ranks, steps);
  t.loss = t.grad_norm = Matrix<float>(ranks, steps, 1.0F);
  return t;
}

void add_epochs(RunData& run, const SyntheticRun& s) {
  for (int e = 0; e < s.epochs; ++e) {
    EpochRow row;
    row.validation_metric = row.test_metric = s.accuracy;
    row.confusion = Matrix<std::int64_t>(10, 10, 1);
    run.epochs.push_back(row);
    AuditRow audit;
    audit.samples.assign(static_cast<std::size_t>(s.ranks), std::int64_t{s.steps} * (s.batch / s.ranks));
    audit.digest.assign(static_cast<std::size_t>(s.ranks), 1);
    run.audit.push_back(audit);
  }
}

RunData make_run(const SyntheticRun& s) {
  RunData run;
  describe(run, s);
  const std::int64_t steps = std::int64_t{s.epochs} * s.steps;
  run.steps = empty_steps(s.ranks, steps);
  RandomStream random(
      {static_cast<std::uint64_t>(s.seed), static_cast<std::uint64_t>(s.ranks), s.mode == "seq"});
  double now = 1;
  for (std::int64_t k = 0; k < steps; ++k) {
    const double factor = (k < s.slow_steps ? 3 : 1) * (1 + s.jitter * random.normal());
    for (std::int64_t r = 0; r < s.ranks; ++r) fill_step(run.steps, s, r, k, now, factor);
    now += run.steps.wall.at(0, k);
  }
  add_events(run.comm, run.steps, s);
  add_epochs(run, s);
  run.header.wall_seconds = now + 0.5;
  return run;
}

RunSet make_set(const std::vector<RunData>& runs) {
  RunSet set;
  for (const RunData& run : runs) {
    Launch launch = checked_launch(run, fmt::format("run {}", set.launches.size()));
    for (Finding& finding : check_among(launch, set.launches)) launch.findings.push_back(std::move(finding));
    set.launches.push_back(std::move(launch));
  }
  return set;
}

Analysis analyse(const std::vector<RunData>& runs, Baseline baseline) { return {make_set(runs), baseline}; }

SyntheticRun usual_seq(int seed) {
  return {.seed = seed, .slow_steps = 3, .jitter = 0.02, .accuracy = 0.85 + 0.001 * seed};
}

SyntheticRun usual_ddp(int seed, int ranks) {
  const double share = 1.0 / ranks;
  return {.mode = "ddp",
          .ranks = ranks,
          .seed = seed,
          .forward = 10e-3 * share,
          .backward = 20e-3 * share,
          .transfer = 2e-3,
          .hidden = 0.5e-3,
          .late = 1e-3,
          .slow_steps = 3,
          .jitter = 0.02,
          .accuracy = 0.85 + 0.001 * seed};
}

std::vector<RunData> usual_runs() {
  std::vector<RunData> runs;
  for (int seed = 1; seed <= 3; ++seed) {
    runs.push_back(make_run(usual_seq(seed)));
    runs.push_back(make_run(usual_ddp(seed)));
  }
  return runs;
}

const GroupSummary& group_named(const Analysis& analysis, const std::string& label) {
  std::string known;
  for (const WorkloadSummary& workload : analysis.summaries) {
    for (const GroupSummary& group : workload.groups) {
      if (group.group->label == label) return group;
      known += "'" + group.group->label + "' ";
    }
  }
  throw std::runtime_error(fmt::format("no group '{}'; there are {}", label, known));
}

bool has_code(const std::vector<Finding>& findings, const std::string& code) {
  return std::any_of(findings.begin(), findings.end(),
                     [&](const Finding& f) { return f.rule->code == code; });
}

std::string sentence_of(const std::vector<Finding>& findings, const std::string& code) {
  for (const Finding& finding : findings)
    if (finding.rule->code == code) return finding.sentence;
  return "";
}

std::ostream& operator<<(std::ostream& out, const Said& said) {
  return out << "'" << said.words << (said.want ? "' in: " : "' not in: ") << said.text;
}

void swap_steps(RunData& run, std::int64_t a, std::int64_t b) {
  for (std::int64_t r = 0; r < run.steps.ranks(); ++r) {
    std::swap(run.steps.start.at(r, a), run.steps.start.at(r, b));
    std::swap(run.steps.wall.at(r, a), run.steps.wall.at(r, b));
  }
}

}  // namespace lockstep::test
