#include "analysis/import/claims.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>

#include "analysis/metrics/speedup.hpp"
#include "analysis/metrics/statistics.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double epoch_seconds_of(const ImportedRun& run) {
  std::vector<double> seconds;
  for (const ImportedEpoch& e : run.epochs)
    if (e.seconds > 0) seconds.push_back(e.seconds);
  return median(seconds);
}

double last_accuracy(const ImportedRun& run) {
  for (auto e = run.epochs.rbegin(); e != run.epochs.rend(); ++e)
    if (std::isfinite(e->accuracy)) return e->accuracy;
  return kNone;
}

// Rows of the epoch that has most; 1 when each epoch stands once.
std::int64_t rows_an_epoch(const ImportedRun& run) {
  std::map<double, std::int64_t> rows;
  std::int64_t most = 0;
  for (const ImportedEpoch& e : run.epochs)
    if (std::isfinite(e.epoch)) most = std::max(most, ++rows[e.epoch]);
  return most;
}

bool goes_back(const ImportedRun& run) {
  const auto later = [](const ImportedEpoch& a, const ImportedEpoch& b) { return a.epoch >= b.epoch; };
  return std::adjacent_find(run.epochs.begin(), run.epochs.end(), later) != run.epochs.end();
}

bool interleaved(const ImportedRun& run) { return rows_an_epoch(run) > 1 || goes_back(run); }

// Runs that may belong together.
std::string set_of(const ImportedRun& run) {
  if (!run.set.empty()) return run.set;
  if (run.source.ends_with(".json")) return run.source;
  return std::filesystem::path(run.source).parent_path().string();
}

struct Timed {
  const ImportedRun* run;
  double seconds;  // of an epoch; NaN: no times
};

// Of each set, the fastest run on one device: the honest baseline.
using Baselines = std::map<std::string, Timed>;

Baselines baselines_of(std::span<const Timed> runs) {
  Baselines fastest;
  for (const Timed& timed : runs) {
    if (timed.run->ranks != 1 || !std::isfinite(timed.seconds)) continue;
    const auto [known, fresh] = fastest.try_emplace(set_of(*timed.run), timed);
    if (!fresh && timed.seconds < known->second.seconds) known->second = timed;
  }
  return fastest;
}

class Findings {
 public:
  explicit Findings(std::vector<ImportedFinding>& out) : out_(out) {}
  void refuse(const char* code, const std::string& subject, std::string sentence) {
    out_.push_back({code, subject, std::move(sentence), true});
  }
  void warn(const char* code, const std::string& subject, std::string sentence) {
    out_.push_back({code, subject, std::move(sentence), false});
  }

 private:
  std::vector<ImportedFinding>& out_;
};

void judge_run(Findings& findings, const ImportedRun& run, double epoch_seconds) {
  if (interleaved(run)) {
    const std::int64_t rows = rows_an_epoch(run);
    findings.refuse(
        "interleaved-rows", run.label(),
        rows > 1 ? fmt::format("up to {} rows have the same epoch: several ranks or runs wrote to one file, "
                               "so no row is the time of an epoch of the whole run",
                               rows)
                 : std::string("the epochs go backwards: several runs wrote to one file"));
  }
  if (run.ranks == 0)
    findings.warn("ranks-unknown", run.label(),
                  "neither the file nor the run's name gives the number of devices; it is not compared");
  if (!run.unclear.empty())
    findings.refuse("two-readings", run.label(), run.unclear);
  else if (!std::isfinite(epoch_seconds))
    findings.warn("no-times", run.label(), "it has no times, so nothing can be said about its speed");
}

void judge_speedup(Findings& findings, const ImportedClaim& claim) {
  const ImportedRun& run = *claim.run;
  const std::string subject = fmt::format("{} against {}", run.label(), claim.baseline->label());
  if (run.epochs.size() != claim.baseline->epochs.size())
    findings.warn("different-epochs", subject,
                  fmt::format("{} rows against {}: times per epoch are compared, not totals",
                              run.epochs.size(), claim.baseline->epochs.size()));
  if (claim.apparent_speedup < 1)
    findings.refuse(
        "amdahl-slowdown", subject,
        fmt::format("the apparent speedup is {}, below 1: the parallel run is slower, and Amdahl's law has "
                    "no parallel share for it (the formula would give {:.4f})",
                    number(claim.apparent_speedup),
                    (1 - 1 / claim.apparent_speedup) / (1 - 1 / static_cast<double>(run.ranks))));
  if (claim.apparent_speedup > static_cast<double>(run.ranks))
    findings.refuse(
        "amdahl-superlinear", subject,
        fmt::format("the apparent speedup {} is above the number of devices {}: the two did different work, "
                    "or used different hardware",
                    number(claim.apparent_speedup), run.ranks));
}

void judge_all(Findings& findings, std::span<const ImportedRun> runs, const Baselines& baselines) {
  const std::string all = runs.size() == 1   ? runs.front().label()
                          : runs.size() == 2 ? "both runs"
                                             : fmt::format("all {} runs", runs.size());
  findings.refuse(
      "no-audit", all,
      "the files do not say which samples each rank trained on; a sampler that gives every rank all "
      "samples leaves the same rows, so no speedup of equal work can be claimed");
  findings.refuse("no-hardware", all, "the files do not name the hardware and software versions");
  std::map<std::pair<std::string, std::int64_t>, int> launches;
  for (const ImportedRun& run : runs) ++launches[{run.mode, run.ranks}];
  const bool single =
      std::any_of(launches.begin(), launches.end(), [](const auto& l) { return l.second == 1; });
  if (single)
    findings.warn(
        "single", all,
        "a configuration that was run once has no interval: another launch may give a different number");
  if (baselines.empty())
    findings.refuse("no-baseline", all, "none is known to have run on one device, so there is no speedup");
}

}  // namespace

ImportedClaims claims_of(std::span<const ImportedRun> runs) {
  ImportedClaims result;
  Findings findings(result.findings);
  std::vector<Timed> timed;
  for (const ImportedRun& run : runs) timed.push_back({&run, epoch_seconds_of(run)});
  const Baselines baselines = baselines_of(timed);
  judge_all(findings, runs, baselines);
  for (const auto& [run, seconds] : timed) {
    const auto baseline = baselines.find(set_of(*run));
    ImportedClaim claim{run, nullptr, seconds, kNone, last_accuracy(*run)};
    judge_run(findings, *run, seconds);
    if (baseline != baselines.end() && run->ranks > 1 && std::isfinite(seconds)) {
      claim.baseline = baseline->second.run;
      claim.apparent_speedup = speedup(baseline->second.seconds, seconds);
      judge_speedup(findings, claim);
    }
    result.claims.push_back(claim);
  }
  std::stable_sort(
      result.findings.begin(), result.findings.end(),
      [](const ImportedFinding& a, const ImportedFinding& b) { return a.refusal && !b.refusal; });
  return result;
}

}  // namespace lockstep
