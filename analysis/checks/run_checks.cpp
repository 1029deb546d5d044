// Rules that look at one run, or at one run among the others.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>

#include "analysis/checks/rule_functions.hpp"
#include "results/gpu_slowdowns.hpp"

namespace lockstep::checks {

namespace {

constexpr double kOpenShare = 0.02;       // of the wall time
constexpr double kRecorderShare = 0.01;   // of a step
constexpr double kIdleShare = 0.1;        // of the wall time
constexpr double kClockTolerance = 1e-6;  // seconds, and
constexpr double kStepTolerance = 0.01;   // of a step: what rounding and a device's clock may do

std::string joined(const std::vector<std::string>& sentences) {
  std::string all;
  for (const std::string& s : sentences) all += (all.empty() ? "" : "; ") + s;
  return all;
}

bool speaks_of_replicas(const std::string& reason) {
  return reason.find("replicas diverged") != std::string::npos;
}

double steady_sum(const Matrix<double>& column, std::int64_t rank, std::int64_t first) {
  if (rank >= column.rows) return 0;
  const auto row = column.values.begin() + rank * column.columns;
  return std::accumulate(row + first, row + column.columns, 0.0);
}

// Time that no phase accounts for may belong to any phase or have its own cause. Up to this amount it cannot
// change which two phases are largest. Passes count as one.
double room_of(const StepTable& t, std::int64_t rank, std::int64_t first) {
  std::vector<double> parts = {steady_sum(t.forward, rank, first) + steady_sum(t.backward, rank, first)};
  for (const Matrix<double>* part : {&t.data, &t.h2d, &t.comm_exposed, &t.optimizer, &t.bubble})
    parts.push_back(steady_sum(*part, rank, first));
  std::sort(parts.rbegin(), parts.rend());
  return std::min(parts[0] - parts[1], parts[1] - parts[2]);
}

double parts_sum(const StepTable& t, std::int64_t rank, std::int64_t first) {
  double sum = 0;
  for_each_step_column([&]<typename T>(const StepColumn<T>& column) {
    if constexpr (std::is_same_v<T, double>)
      if (column.budget == Budget::part || column.budget == Budget::rest)
        sum += steady_sum(t.*column.table, rank, first);
  });
  return sum;
}

}  // namespace

Detail incomplete(const RunData& run, const Launch&) {
  const std::string& status = run.header.status;
  if (status == "complete" && run.steps.steps() > 0) return {};
  if (status == "complete") return "it is complete but has no steps";
  const std::string steps = fmt::format("status {}, {} steps recorded", status, run.steps.steps());
  return run.header.invalid_reasons.empty() ? steps : steps + "; " + joined(run.header.invalid_reasons);
}

Detail replicas_diverged(const RunData& run, const Launch&) {
  for (const std::string& reason : run.header.invalid_reasons)
    if (run.header.status == "complete" && speaks_of_replicas(reason)) return reason;
  return {};
}

Detail invalid(const RunData& run, const Launch&) {
  if (run.header.valid || run.header.status != "complete") return {};
  const std::string reasons = joined(run.header.invalid_reasons);
  return reasons.empty() ? "it gives no reason" : reasons;
}

std::vector<std::string> audit_faults(const AuditRow& row) {
  std::vector<std::string> faults;
  if (row.missing > 0) faults.push_back(fmt::format("{} rows were trained on by no rank", row.missing));
  if (row.missing < 0)
    faults.push_back(fmt::format("{} rows more were trained on than the epoch has", -row.missing));
  if (row.repeated != 0)
    faults.push_back(fmt::format("{} samples were rows that had been trained on before", row.repeated));
  return faults;
}

Detail audit_violated(const RunData& run, const Launch&) {
  std::int64_t epoch = run.first_epoch() - 1;
  for (const AuditRow& row : run.audit) {
    ++epoch;
    if (row.missing != 0 || row.repeated != 0)
      return fmt::format("in epoch {}, {}", epoch, fmt::join(audit_faults(row), ", and "));
    std::int64_t audited = std::accumulate(row.samples.begin(), row.samples.end(), std::int64_t{0}),
                 recorded = 0;
    for (std::size_t i = 0; i < run.steps.samples.values.size(); ++i)
      if (run.steps.epoch.values[i] == epoch) recorded += run.steps.samples.values[i];
    if (recorded != audited)
      return fmt::format("in epoch {} the audit counts {} samples, the steps {}", epoch, audited, recorded);
  }
  return {};
}

Detail audit_absent(const RunData& run, const Launch&) {
  if (!run.audit.empty() || run.steps.steps() == 0) return {};
  return "the file has no /audit";
}

Detail steps_out_of_order(const RunData& run, const Launch&) {
  const StepTable& t = run.steps;
  for (std::int64_t r = 0; r < t.ranks(); ++r) {
    for (std::int64_t s = 0; s < t.steps(); ++s) {
      const double wall = t.wall.at(r, s);
      if (!std::isfinite(t.start.at(r, s)) || !(wall > 0))
        return fmt::format("rank {}, step {}: the wall time is {} s", r, s, wall);
      if (s == 0) continue;
      const double previous_end = t.start.at(r, s - 1) + t.wall.at(r, s - 1);
      if (t.start.at(r, s) < previous_end - kClockTolerance - kStepTolerance * wall)
        return fmt::format("rank {}: step {} begins {:.6f} s before step {} ends", r, s,
                           previous_end - t.start.at(r, s), s - 1);
      if (t.epoch.at(r, s) < t.epoch.at(r, s - 1))
        return fmt::format("rank {}: step {} is of epoch {}, the step before of epoch {}", r, s,
                           t.epoch.at(r, s), t.epoch.at(r, s - 1));
    }
  }
  return {};
}

Detail budget_open(const RunData& run, const Launch& launch) {
  for (std::int64_t rank = 0; rank < run.steps.ranks(); ++rank) {
    const double wall = steady_sum(run.steps.wall, rank, launch.warmup);
    const double sum = parts_sum(run.steps, rank, launch.warmup) / wall;
    const double other = steady_sum(run.steps.other, rank, launch.warmup) / wall;
    if (!(std::abs(sum - 1) <= kOpenShare))
      return fmt::format("rank {}: they add up to {:.1f} % of it", rank, 100 * sum);
    if (launch.rest_is_idle()) continue;
    if (!(std::abs(other) <= std::max(kOpenShare, room_of(run.steps, rank, launch.warmup) / wall)))
      return fmt::format(
          "rank {}: {:.1f} % of it is 'other', enough to change the order of the largest phases", rank,
          100 * other);
  }
  return {};
}

Detail device_idle(const RunData& run, const Launch& launch) {
  if (!launch.rest_is_idle()) return {};
  for (std::int64_t rank = 0; rank < run.steps.ranks(); ++rank) {
    const double share =
        steady_sum(run.steps.other, rank, launch.warmup) / steady_sum(run.steps.wall, rank, launch.warmup);
    if (share > kIdleShare)
      return fmt::format(
          "the device of rank {} is idle for {:.0f} % of a step, which the budget calls 'other'; give it "
          "larger batches, or fewer and larger kernels",
          rank, 100 * share);
  }
  return {};
}

Detail recorder_costly(const RunData& run, const Launch&) {
  if (!(run.recorder_overhead > kRecorderShare)) return {};
  return fmt::format("{:.1f} % of a step, more than {:.0f} %", 100 * run.recorder_overhead,
                     100 * kRecorderShare);
}

Detail gpu_slowed(const RunData&, const Launch& launch) {
  if (launch.gpu.slowdowns == 0) return {};
  return gpu_slowdown_names(launch.gpu.slowdowns);
}

Detail ranks_unlike(const RunData& run, const Launch& launch) {
  for (std::size_t r = 1; r < run.ranks.size(); ++r) {
    const RankEnvironment &first = run.ranks.front(), &other = run.ranks[r];
    if (other.threads != first.threads && !launch.on_gpu())
      return fmt::format("rank 0 has {} thread{}, rank {} has {}", first.threads,
                         first.threads == 1 ? "" : "s", r, other.threads);
    if (other.device != first.device)
      return fmt::format("rank 0 computes on '{}', rank {} on '{}'", first.device, r, other.device);
  }
  return {};
}

// A copy that cannot be used, such as one made while the run was in progress, does not replace the run.
Detail duplicate(const Launch& launch, std::span<const Launch> earlier) {
  const auto same = std::find_if(earlier.begin(), earlier.end(), [&](const Launch& other) {
    return other.header.uuid == launch.header.uuid && other.usable();
  });
  if (same == earlier.end()) return {};
  return fmt::format("uuid {} is also in {}", launch.header.uuid, same->path);
}

}  // namespace lockstep::checks
