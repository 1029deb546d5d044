#include "analysis/checks/rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/checks/rule_functions.hpp"
#include "results/crowded_cores.hpp"

namespace lockstep {

namespace {

// In order of importance: if several rules refuse a claim, the first is shown.
constexpr Rule kRules[] = {
    {.code = "incomplete-run",
     .refuses = Claim::whole_run,
     .sentence = "the run did not finish: {}",
     .on_run = checks::incomplete},
    {.code = "replicas-diverged",
     .refuses = Claim::whole_run,
     .sentence = "the ranks did not train one model: {}",
     .invalidates = true,
     .on_run = checks::replicas_diverged},
    {.code = "invalid-run",
     .refuses = Claim::whole_run,
     .sentence = "the run calls itself invalid: {}",
     .invalidates = true,
     .on_run = checks::invalid},
    {.code = "work-audit",
     .refuses = Claim::whole_run,
     .sentence = "the ranks did not divide the data set among them: {}",
     .invalidates = true,
     .on_run = checks::audit_violated},
    {.code = "step-order",
     .refuses = Claim::whole_run,
     .sentence = "the steps are not one sequence of times: {}",
     .invalidates = true,
     .on_run = checks::steps_out_of_order},
    {.code = "duplicate-run",
     .refuses = Claim::whole_run,
     .sentence = "the same run was found twice and counts once: {}",
     .on_launch_among = checks::duplicate},
    {.code = "copied-run",
     .refuses = Claim::whole_run,
     .sentence = "a copy of a launch is not another launch: {}",
     .on_launch_among = checks::copied},
    {.code = "budget-open",
     .refuses = Claim::budget,
     .sentence = "the phases do not explain the wall time: {}",
     .on_run = checks::budget_open},
    {.code = "other-digests",
     .refuses = Claim::speedup,
     .sentence =
         "two versions of Lockstep wrote the runs, and their digests of hardware and data cannot be compared "
         "({}): run both with one version",
     .on_pair = checks::other_digests},
    {.code = "unmatched-collectives",
     .refuses = Claim::waiting,
     .sentence = "which rank waited for which is unknown: {}",
     .on_run = checks::unmatched},
    {.code = "clocks-apart",
     .refuses = Claim::waiting,
     .sentence = "the ranks' clocks do not agree: {}",
     .on_run = checks::clocks_apart},
    {.code = "not-a-number",
     .refuses = Claim::speedup,
     .sentence = "the training has diverged: {}",
     .on_run = checks::not_a_number},
    {.code = "idle-rank",
     .refuses = Claim::speedup,
     .sentence = "not all ranks do their share: {}",
     .on_run = checks::idle_rank},
    {.code = "drift",
     .refuses = Claim::speedup,
     .sentence = "the run slowed down, so its mean step represents neither part: {}",
     .on_run = checks::drifts},
    {.code = "slow-start",
     .refuses = Claim::speedup,
     .sentence = "the run is slow for longer than a warm-up: {}",
     .on_run = checks::starts_slowly},
    {.code = "no-fingerprint",
     .refuses = Claim::speedup,
     .sentence = "the two may have run on different hardware: {}",
     .on_pair = checks::no_fingerprint},
    {.code = "cross-hardware",
     .refuses = Claim::speedup,
     .sentence = "the two ran on different hardware: {}",
     .on_pair = checks::other_hardware},
    {.code = "weak-as-strong",
     .refuses = Claim::speedup,
     .sentence = "called strong scaling, but the batch grows with the ranks: {}",
     .on_pair = checks::weak_as_strong},
    {.code = "different-work",
     .refuses = Claim::speedup,
     .sentence = "the two did not do the same work: {}",
     .on_pair = checks::other_work},
    {.code = "chance-level",
     .refuses = Claim::speedup,
     .sentence = "a run that learns nothing has no speedup: {}",
     .on_pair = checks::at_chance},
    {.code = "learned-less",
     .refuses = Claim::speedup,
     .sentence = "a speedup counts only if as much is learned: {}",
     .on_pair = checks::learned_less},
    {.code = "ablation",
     .refuses = Claim::speedup,
     .sentence = "a run with parts left out is not training: {}",
     .on_pair = checks::ablated},
    {.code = "different-warmup",
     .refuses = Claim::speedup,
     .sentence = "the two leave out different numbers of warm-up steps: {}",
     .on_pair = checks::other_warmup},
    {.code = "superlinear",
     .refuses = Claim::speedup,
     .sentence =
         "a speedup above the number of ranks needs a cause, and the files show none; check the baseline's "
         "loader, cores and memory, and compare with one rank of the same mode: {}",
     .on_speedup = checks::without_a_cause},
    {.code = "above-ranks",
     .refuses = Claim::nothing,
     .sentence =
         "the speedup exceeds the number of ranks, but its launches differ too much to be sure: {}; launch "
         "more, on an idle machine",
     .on_speedup = checks::seems_above_ranks},
    {.code = "amdahl-slowdown",
     .refuses = Claim::amdahl,
     .sentence = "Amdahl's law has no parallel share for this: {}",
     .on_speedup = checks::slower_than_one,
     .on_series = checks::any_slower_than_one},
    {.code = "amdahl-superlinear",
     .refuses = Claim::amdahl,
     .sentence = "Amdahl's law has no parallel share for this: {}",
     .on_speedup = checks::faster_than_ranks,
     .on_series = checks::fitted_above_one},
    {.code = "amdahl-few-ranks",
     .refuses = Claim::amdahl,
     .sentence = "a scaling law needs more numbers of ranks: {}",
     .on_series = checks::few_rank_counts},
    {.code = "usl-few-ranks",
     .refuses = Claim::usl,
     .sentence = "a scaling law needs more numbers of ranks: {}",
     .on_series = checks::few_rank_counts},
    {.code = "single",
     .refuses = Claim::nothing,
     .sentence = "single launch: no interval can be given, and the next launch may differ ({})",
     .on_group = checks::single},
    {.code = "outlier-launch",
     .refuses = Claim::nothing,
     .sentence = "one launch differs from the others: {}",
     .on_group = checks::outlier_launch},
    {.code = "unsteady",
     .refuses = Claim::nothing,
     .sentence = "the pace changes within the run: {}",
     .on_run = checks::unsteady},
    {.code = "stalled-steps",
     .refuses = Claim::nothing,
     .sentence = "some steps stall: {}",
     .on_run = checks::stalled_steps},
    {.code = "gaps-between-steps",
     .refuses = Claim::nothing,
     .sentence = "the run stalls between steps, which no step time shows: {}",
     .on_run = checks::gaps_between_steps},
    {.code = "oversubscribed",
     .refuses = Claim::nothing,
     .sentence = kCrowdedCoresSentence,
     .on_run = checks::oversubscribed},
    {.code = "device-idle",
     .refuses = Claim::nothing,
     .sentence = "the device waits for the host: {}",
     .on_run = checks::device_idle},
    {.code = "uneven-work",
     .refuses = Claim::nothing,
     .sentence = "the rank with most of the work sets the pace: {}",
     .on_run = checks::uneven_work},
    {.code = "data-starved",
     .refuses = Claim::nothing,
     .sentence = "the baseline waits for its loader, and part of the speedup is that of the loader: {}",
     .on_pair = checks::data_starved},
    {.code = "fewer-cores",
     .refuses = Claim::nothing,
     .sentence = "the baseline may use fewer cores: {}",
     .on_pair = checks::fewer_cores},
    {.code = "different-loss",
     .refuses = Claim::nothing,
     .sentence = "the training losses of the two differ: {}",
     .on_pair = checks::other_loss},
    {.code = "low-precision-messages",
     .refuses = Claim::nothing,
     .sentence = "gradients are rounded before they are sent, unlike the baseline's: {}",
     .on_pair = checks::other_messages},
    {.code = "different-loader",
     .refuses = Claim::nothing,
     .sentence = "the two load data differently: {}",
     .on_pair = checks::other_loader},
    {.code = "different-checkpoints",
     .refuses = Claim::nothing,
     .sentence = "the two write checkpoints at different times, which shows in the run's seconds: {}",
     .on_pair = checks::other_checkpoints},
    {.code = "far-apart",
     .refuses = Claim::nothing,
     .sentence = "the two were measured at different times, and the machine may have changed: {}",
     .on_pair = checks::far_apart},
    {.code = "no-training",
     .refuses = Claim::nothing,
     .sentence = "parts of the work were left out to measure the rest, so this is not training: {}",
     .on_group = checks::no_training},
    {.code = "resumed-run",
     .refuses = Claim::nothing,
     .sentence = "the run is the end of a training that began in another: {}",
     .on_group = checks::resumed},
    {.code = "joined-run",
     .refuses = Claim::nothing,
     .sentence = "runs that resumed from a checkpoint are joined with the run that wrote it: {}",
     .on_group = checks::joined},
    {.code = "different-reductions",
     .refuses = Claim::nothing,
     .sentence = "launches of one configuration have chosen different ways of reducing gradients: {}",
     .on_group = checks::other_reductions},
    {.code = "simulated-link",
     .refuses = Claim::nothing,
     .sentence = "times were lengthened on purpose: {}",
     .on_group = checks::simulated_link},
    {.code = "no-audit",
     .refuses = Claim::nothing,
     .sentence = "work not audited, so nothing shows that each row was trained on once: {}",
     .on_run = checks::audit_absent},
    {.code = "no-metric",
     .refuses = Claim::nothing,
     .sentence = "nothing shows that the runs learned anything: {}",
     .on_pair = checks::no_metric},
    {.code = "no-common-seed",
     .refuses = Claim::nothing,
     .sentence = "the contents of the data cannot be compared, only the number of rows: {}",
     .on_pair = checks::no_common_seed},
    {.code = "other-program",
     .refuses = Claim::nothing,
     .sentence = "the two are different programs, which record their steps differently: {}",
     .on_pair = checks::other_program},
    {.code = "different-versions",
     .refuses = Claim::nothing,
     .sentence = "part of the difference may come from the software: {}",
     .on_pair = checks::other_versions},
    {.code = "different-tf32",
     .refuses = Claim::nothing,
     .sentence =
         "the GPUs of one of the two may round what they multiply, which is faster and less exact: {}",
     .on_pair = checks::other_tf32},
    {.code = "different-kernels",
     .refuses = Claim::nothing,
     .sentence = "part of the difference is that of the kernels, not of parallel training: {}",
     .on_pair = checks::other_kernels},
    {.code = "unequal-threads",
     .refuses = Claim::nothing,
     .sentence = "the ranks of the two compute with different numbers of threads: {}",
     .on_pair = checks::other_threads},
    {.code = "gpu-slowed",
     .refuses = Claim::nothing,
     .sentence = "a GPU ran slower than it could, and the next run may not: {}",
     .on_run = checks::gpu_slowed},
    {.code = "different-clocks",
     .refuses = Claim::nothing,
     .sentence = "part of the difference comes from the GPUs' clocks: {}",
     .on_pair = checks::other_clocks},
    {.code = "uneven-ranks",
     .refuses = Claim::nothing,
     .sentence = "the ranks of the run differ, so the slowest may set the pace: {}",
     .on_run = checks::ranks_unlike},
    {.code = "recorder-overhead",
     .refuses = Claim::nothing,
     .sentence = "the times include the cost of recording them: {}",
     .on_run = checks::recorder_costly},
};

// Runs every rule that has the given kind of check.
template <typename Check, typename... Args>
std::vector<Finding> findings_of(Check Rule::*check, const Args&... args) {
  std::vector<Finding> findings;
  for (const Rule& rule : kRules) {
    if (!(rule.*check)) continue;
    if (const Detail detail = (rule.*check)(args...))
      findings.push_back({&rule, fmt::format(fmt::runtime(rule.sentence), *detail)});
  }
  return findings;
}

}  // namespace

std::span<const Rule> rules() { return kRules; }

Launch checked_launch(const RunData& run, const std::string& path) {
  Launch launch = make_launch(run, path);
  launch.findings = check_run(run, launch);
  return launch;
}

std::vector<Finding> check_run(const RunData& run, const Launch& launch) {
  return findings_of(&Rule::on_run, run, launch);
}
std::vector<Finding> check_among(const Launch& launch, std::span<const Launch> earlier) {
  return findings_of(&Rule::on_launch_among, launch, earlier);
}
std::vector<Finding> check_group(const LaunchGroup& group) { return findings_of(&Rule::on_group, group); }
std::vector<Finding> check_pair(const LaunchGroup& group, const LaunchGroup& baseline) {
  return findings_of(&Rule::on_pair, group, baseline);
}
std::vector<Finding> check_speedup(const Estimate& speedup, std::int64_t ranks) {
  return findings_of(&Rule::on_speedup, speedup, ranks);
}
std::vector<Finding> check_series(std::span<const ScalingPoint> points) {
  return findings_of(&Rule::on_series, points);
}

}  // namespace lockstep
