// Rules that look at a group, at a group and its baseline, or at the speedup between them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "analysis/checks/rule_functions.hpp"
#include "analysis/metrics/statistics.hpp"
#include "analysis/runs/quality.hpp"
#include "base/backend_kind.hpp"
#include "base/digest.hpp"

namespace lockstep::checks {

namespace {

// Have rules of their own: the work is the same, the rounding is not.
constexpr const char *kTf32 = "training.tf32", *kKernels = "model.kernels";

// Keys that say how work is distributed and measured, not what it is. The batch is compared as measured.
bool spreads_work(const std::string& key) {
  constexpr std::array kKeys = {"training.global_batch", "training.micro_batch", "training.accumulate",
                                "data.workers", "measure.scaling"};
  return key.starts_with("parallel.") || std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

void compare(std::string& differences, const std::string& what, const std::string& here,
             const std::string& there) {
  if (here == there) return;
  differences += fmt::format("{}{} {}, baseline {}", differences.empty() ? "" : "; ", what, here, there);
}
void compare(std::string& differences, const std::string& what, std::int64_t here, std::int64_t there) {
  compare(differences, what, std::to_string(here), std::to_string(there));
}
void compare_digests(std::string& differences, const std::string& what, const std::string& here,
                     const std::string& there) {
  if (comparable_digests(here, there)) compare(differences, what, here, there);
}
Detail unless_empty(const std::string& text) { return text.empty() ? Detail() : Detail(text); }

// Whether both have it: a fact missing from another program's records is not a difference.
bool is_known(const Launch& here, const Launch& there, bool in_both) {
  return in_both || !(here.imported() || there.imported());
}

void compare_known(std::string& differences, const char* what, const Launch& here, const Launch& there,
                   std::int64_t count_here, std::int64_t count_there) {
  if (is_known(here, there, count_here > 0 && count_there > 0))
    compare(differences, what, count_here, count_there);
}

void compare_settings(std::string& differences, const Launch& here, const Launch& there) {
  std::set<std::string> keys;
  for (const Launch* l : {&here, &there})
    for (const auto& [key, value] : l->settings) keys.insert(key);
  for (const std::string& key : keys)
    if (!ignored_setting(key) && !spreads_work(key) && key != kTf32 && key != kKernels &&
        is_known(here, there, !here.setting(key).empty() && !there.setting(key).empty()))
      compare(differences, key, here.setting(key), there.setting(key));
}

const Launch* with_seed(const LaunchGroup& group, const std::string& seed) {
  for (const Launch* l : group.launches)
    if (l->setting("run.seed") == seed) return l;
  return nullptr;
}

bool same_batch_per_rank(const Launch& here, const Launch& there) {
  return here.global_batch * there.ranks == there.global_batch * here.ranks;
}

double median_learned(const LaunchGroup& group) {
  std::vector<double> values;
  for (const Launch* l : group.launches)
    if (!std::isnan(learned(*l))) values.push_back(learned(*l));
  return median(values);
}

// For accuracy three standard errors and a twentieth of the way from chance to perfect; for what should be
// low (perplexity, bits per byte) a twentieth below chance.
double clearly_better_than_chance(const Launch& launch) {
  const double chance = launch.chance;
  if (!launch.higher_is_better) return 0.95 * chance;
  const std::int64_t rows =
      std::isnan(launch.test_metric) ? launch.data.validation_rows : launch.data.test_rows;
  const double error =
      std::sqrt(chance * (1 - chance) / static_cast<double>(std::max<std::int64_t>(rows, 1)));
  return chance + std::max(rows > 0 ? 3 * error : 0, 0.05 * (1 - chance));
}

Detail below_chance(const LaunchGroup& group) {
  std::vector<double> at_chance;
  for (const Launch* launch : group.launches) {
    const double value = learned(*launch), bound = clearly_better_than_chance(*launch);
    if (std::isnan(launch->chance) || std::isnan(value)) continue;
    if (launch->higher_is_better ? value <= bound : value >= bound) at_chance.push_back(value);
  }
  if (at_chance.empty()) return {};
  const Launch& launch = group.any();
  const std::string which =
      at_chance.size() == group.launches.size()
          ? ""
          : fmt::format(" in {} of {} launches", at_chance.size(), group.launches.size());
  return fmt::format("{} of '{}' is {:.3f}{}, chance is {:.3f}, and only {} {:.3f} is clearly better",
                     launch.metric, group.label, median(at_chance), which, launch.chance,
                     launch.higher_is_better ? "above" : "below", clearly_better_than_chance(launch));
}

}  // namespace

Detail single(const LaunchGroup& group) {
  if (!group.single()) return {};
  return "run it again for an interval";
}

Detail no_training(const LaunchGroup& group) {
  const std::string ablation = group.any().ablation();
  if (ablation.empty()) return {};
  return fmt::format("parallel.ablation is {}", ablation);
}

Detail resumed(const LaunchGroup& group) {
  const auto& before = group.any().header.resumed;
  if (!before) return {};
  const std::string& apart = group.any().apart;
  return fmt::format("{} epochs, {} steps, were done before; the time to accuracy is unknown{}{}",
                     before->epochs, before->steps, apart.empty() ? "" : "; ", apart);
}

Detail joined(const LaunchGroup& group) {
  std::string text;
  for (const Launch* launch : group.launches)
    for (const Joint& joint : launch->joints) {
      text += fmt::format("{}{} after step {} of {}", text.empty() ? "" : "; ", launch->path, joint.steps,
                          joint.before);
      if (joint.gap >= 0) text += fmt::format(", {:.0f} s later", joint.gap);
      if (joint.repeated > 0)
        text += fmt::format(", {} steps that were done twice count once", joint.repeated);
    }
  return unless_empty(text);
}

Detail simulated_link(const LaunchGroup& group) {
  const Launch& launch = group.any();
  const auto of = [&](const char* key) { return launch.setting(std::string("parallel.link.") + key); };
  std::string text;
  if (named<BackendKind>(launch.setting("parallel.backend")) == BackendKind::sim)
    text = fmt::format("messages take {} us, {}, and up to {} us of jitter longer", of("latency_us"),
                       of("gbps") == "0" ? "at any size" : "their bytes at " + of("gbps") + " Gb/s",
                       of("jitter_us"));
  // One rank alone can be slowed as well: it has another back end.
  if (const std::string slow = of("slow_rank"); !slow.empty() && slow != "-1")
    text += fmt::format("{}on rank {} {} takes {} times as long", text.empty() ? "" : "; ", slow,
                        of("slow_phase"), of("slow_factor"));
  return unless_empty(text);
}

Detail other_program(const LaunchGroup& group, const LaunchGroup& baseline) {
  const auto named = [](const LaunchGroup& g) {
    return g.any().imported() ? g.any().environment.at("origin") : std::string("a run of Lockstep");
  };
  std::string differences;
  compare(differences, "", named(group), named(baseline));
  return differences.empty() ? Detail() : Detail(differences.substr(1));
}

// An earlier version's digests differ from this one's for the same hardware and data.
Detail other_digests(const LaunchGroup& group, const LaunchGroup& baseline) {
  const Launch &here = group.any(), &there = baseline.any();
  if (comparable_digests(here.fingerprint, there.fingerprint) &&
      comparable_digests(here.data.digest, there.data.digest))
    return {};
  return fmt::format("{} here, {} there", here.fingerprint, there.fingerprint);
}

Detail other_hardware(const LaunchGroup& group, const LaunchGroup& baseline) {
  std::string differences;
  compare_digests(differences, "fingerprint", group.any().fingerprint, baseline.any().fingerprint);
  compare(differences, "device", group.any().setting("parallel.device"),
          baseline.any().setting("parallel.device"));
  return unless_empty(differences);
}

Detail weak_as_strong(const LaunchGroup& group, const LaunchGroup& baseline) {
  const Launch &here = group.any(), &there = baseline.any();
  if (here.weak_scaling() || here.global_batch == there.global_batch || !same_batch_per_rank(here, there))
    return {};
  return fmt::format("{} samples a step on {} ranks, {} on {}; set measure.scaling to weak",
                     here.global_batch, here.ranks, there.global_batch, there.ranks);
}

Detail other_work(const LaunchGroup& group, const LaunchGroup& baseline) {
  const Launch &here = group.any(), &there = baseline.any();
  std::string differences;
  for (const Launch* mine : group.launches)
    if (const Launch* theirs = with_seed(baseline, mine->setting("run.seed")); theirs && differences.empty())
      compare_digests(differences, "data digest", mine->data.digest, theirs->data.digest);
  compare_known(differences, "training rows", here, there, here.data.train_rows, there.data.train_rows);
  compare_known(differences, "parameters", here, there, here.parameters, there.parameters);
  compare_settings(differences, here, there);
  // A trace is of some steps of a training.
  const bool whole = !here.imported() && !there.imported();
  if (whole) compare(differences, "epochs", here.epochs, there.epochs);
  compare(differences, "epochs done before", here.epochs_before(), there.epochs_before());
  if (here.weak_scaling()) {
    if (!same_batch_per_rank(here, there) && here.global_batch > 0 && there.global_batch > 0)
      compare(differences, "samples a step and rank", here.global_batch / here.ranks,
              there.global_batch / there.ranks);
    return unless_empty(differences);
  }
  if (!weak_as_strong(group, baseline))
    compare(differences, "samples a step", here.global_batch, there.global_batch);
  if (here.global_batch == there.global_batch && whole)
    compare(differences, "steps", std::ssize(here.steps), std::ssize(there.steps));
  return unless_empty(differences);
}

Detail at_chance(const LaunchGroup& group, const LaunchGroup& baseline) {
  const Detail here = below_chance(group);
  return here ? here : below_chance(baseline);
}

Detail no_metric(const LaunchGroup& group, const LaunchGroup& baseline) {
  for (const LaunchGroup* g : {&group, &baseline})
    if (std::isnan(median_learned(*g)) || std::isnan(g->any().chance))
      return fmt::format("'{}' has neither test nor validation metric with a known chance level", g->label);
  return {};
}

Detail other_versions(const LaunchGroup& group, const LaunchGroup& baseline) {
  std::string differences;
  for (const auto& [name, version] : group.any().environment) {
    const auto there = baseline.any().environment.find(name);
    // train_seq does not start MPI and so has no version of it: "none" is not a difference.
    if (there == baseline.any().environment.end() || name == "mpi_threads") continue;
    if (name == "program" && other_program(group, baseline)) continue;
    if (version != "none" && there->second != "none") compare(differences, name, version, there->second);
  }
  return unless_empty(differences);
}

Detail other_tf32(const LaunchGroup& group, const LaunchGroup& baseline) {
  const auto said = [](const LaunchGroup& g) {
    const std::string setting = g.any().setting(kTf32);
    return setting.empty() ? std::string("not recorded") : setting;
  };
  std::string differences;
  if (group.any().on_gpu() && baseline.any().on_gpu())
    compare(differences, kTf32, said(group), said(baseline));
  return unless_empty(differences);
}

Detail other_kernels(const LaunchGroup& group, const LaunchGroup& baseline) {
  const auto said = [](const LaunchGroup& g) {
    const std::string setting = g.any().setting(kKernels);
    return setting.empty() ? std::string("own") : setting;  // of a version without a choice
  };
  std::string differences;
  if (!group.any().imported() && !baseline.any().imported())
    compare(differences, kKernels, said(group), said(baseline));
  return unless_empty(differences);
}

// If GPUs compute, the host only launches work, with one thread per rank.
Detail other_threads(const LaunchGroup& group, const LaunchGroup& baseline) {
  std::string differences;
  if (group.any().on_gpu() && baseline.any().on_gpu()) return {};
  if (group.any().threads == 0 || baseline.any().threads == 0) return {};  // nobody knows
  compare(differences, "threads a rank", group.any().threads, baseline.any().threads);
  return unless_empty(differences);
}

Detail other_clocks(const LaunchGroup& group, const LaunchGroup& baseline) {
  constexpr double kAlike = 0.05;
  const auto clock_of = [](const LaunchGroup& g) {
    std::vector<double> clocks;
    for (const Launch* l : g.launches)
      if (l->gpu.sm_clock > 0) clocks.push_back(l->gpu.sm_clock);
    return clocks.empty() ? kUnknown : median(clocks);
  };
  const double here = clock_of(group), there = clock_of(baseline);
  if (!(std::abs(here / there - 1) > kAlike)) return {};
  return fmt::format("{:.0f} MHz on average, baseline {:.0f} MHz", here * 1e-6, there * 1e-6);
}

Detail no_common_seed(const LaunchGroup& group, const LaunchGroup& baseline) {
  for (const Launch* l : group.launches)
    if (with_seed(baseline, l->setting("run.seed"))) return {};
  return "no seed was used on both sides";
}

Detail ablated(const LaunchGroup& group, const LaunchGroup& baseline) {
  for (const LaunchGroup* g : {&group, &baseline}) {
    const std::string ablation = g->any().ablation();
    if (!ablation.empty()) return fmt::format("parallel.ablation of '{}' is {}", g->label, ablation);
  }
  return {};
}

}  // namespace lockstep::checks
