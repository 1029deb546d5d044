#include "analysis/advice/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "analysis/checks/rules.hpp"
#include "analysis/model/lost.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

constexpr double kSingleMargin = 0.05;  // what a single launch must differ by
constexpr double kWorthNaming = 0.2;    // share of the lost time of a second reason
constexpr double kSameTime = 0.02;      // by which a late rank's phase may be longer and be called the same
constexpr double kOwnTime = 0.05;       // share of the lost time: a late rank's own
constexpr double kNothingLost = 0.01;   // of the ideal step

const std::map<std::string, std::string> kReasons = {
    {"data", "waiting for the loader"},
    {"h2d", "copying batches to the device"},
    {"compute", "forward and backward passes that take longer than their share of the baseline's"},
    {"optimizer", "the optimizer, which every rank runs in full"},
    {"comm_wait", "waiting in collectives for other ranks"},
    {"comm_transfer", "the exchange of gradients itself"},
    {"bubble", "pipeline bubbles"},
    {"other", "what no phase accounts for"},
};

std::string certainty(const Estimate& e) {
  if (!e.interval) return "single launches, no interval";
  return fmt::format("95 % interval {} to {}", number(e.interval->low), number(e.interval->high));
}

std::string certainty_of_inverse(const Estimate& e) {
  if (!e.interval) return certainty(e);
  return fmt::format("95 % interval {} to {}", number(1 / e.interval->high), number(1 / e.interval->low));
}

// What the two sides took, in the unit that is the same work for both.
std::string absolute_times(const GroupSummary& group, const GroupSummary& baseline) {
  if (group.group->any().weak_scaling())
    return fmt::format("{} instead of {} samples/s", number(group.throughput.value),
                       number(baseline.throughput.value));
  return fmt::format("{} s of training instead of {} s", number(group.steady_training_seconds.value),
                     number(baseline.steady_training_seconds.value));
}

// What a late rank does that the others do not do.
std::string fault_of(const LateRank& late) {
  if (late.seconds <= (1 + kSameTime) * late.others) return "";
  const std::string longer = late.others > 0 ? fmt::format("{} % ", number(100 * late.longer())) : "";
  if (late.phase == "data") return fmt::format(", which loads its data {}slower", longer);
  if (late.phase == "h2d") return fmt::format(", whose copies to the device take {}longer", longer);
  if (late.phase == "compute")
    return fmt::format(", whose forward and backward passes take {}longer", longer);
  if (late.phase == "optimizer") return fmt::format(", whose optimizer takes {}longer", longer);
  return fmt::format(", which spends {} ms of a step on what no phase accounts for, the others {} ms",
                     milliseconds(late.seconds), milliseconds(late.others));
}

std::string reason_of(const LostTime::Part& part, const GroupSummary& group) {
  if (part.name != "comm_wait" || !group.parallel.late) return kReasons.at(part.name);
  const LateRank& late = *group.parallel.late;
  switch (late.lateness.kind) {
    case Straggler::persistent:
      if (late.role)
        return fmt::format("waiting for rank {}, the parameter server, which alone updates the parameters",
                           late.lateness.rank);
      return fmt::format("waiting for rank {}{}", late.lateness.rank, fault_of(late));
    case Straggler::roaming:
      return "waiting in collectives for whichever rank is late, now one and now another";
    default:
      return fmt::format("waiting in collectives for late ranks, {} % of it for rank {}",
                         number(100 * late.lateness.share), late.lateness.rank);
  }
}

// The second reason where it is worth naming; the link always where waiting is the first.
std::string second_reason(const std::vector<LostTime::Part>& parts, double total, const GroupSummary& group) {
  if (parts[0].name == "comm_wait") {
    const auto link = std::find_if(parts.begin(), parts.end(),
                                   [](const LostTime::Part& part) { return part.name == "comm_transfer"; });
    return fmt::format("; the link itself costs {} %", number(100 * link->seconds / total));
  }
  if (parts[1].seconds <= kWorthNaming * total) return "";
  return fmt::format(", {} % into {}", number(100 * parts[1].seconds / total), reason_of(parts[1], group));
}

std::string learning_sentence(const GroupSummary& group, const GroupSummary& baseline) {
  const double here = group.test_metric.median, there = baseline.test_metric.median;
  if (std::isnan(here) || std::isnan(there)) return "";
  return fmt::format("Test {} is {:.3f}; of {} {:.3f}.", group.group->any().metric, here,
                     baseline.group->label, there);
}

void add(std::vector<std::string>& sentences, const std::string& prefix, const std::string& sentence) {
  if (!sentence.empty()) sentences.push_back(prefix + sentence);
}

void judge_group(std::vector<std::string>& sentences, const std::string& prefix, const GroupSummary& group,
                 const Comparison& comparison, const WorkloadSummary& workload) {
  if (!comparison.baseline) return;
  if (const Finding* refusal = comparison.refused())
    return add(sentences, prefix,
               fmt::format("No speedup is claimed for {}: {} [{}].", group.group->label, refusal->sentence,
                           refusal->rule->code));
  const GroupSummary& baseline = *summary_of(workload, comparison.baseline);
  add(sentences, prefix, speedup_sentence(group, comparison, baseline));
  if (group.group->any().ranks > 1) add(sentences, prefix, lost_time_sentence(group, baseline));
  add(sentences, prefix, learning_sentence(group, baseline));
}

std::string closing_sentence(const WorkloadSummary& workload, const Analysis& analysis) {
  const GroupSummary* best = nullptr;
  bool compared = false, parallel = false;
  for (const GroupSummary& group : workload.groups) {
    const Comparison& c = analysis.comparison(group);
    parallel = parallel || (group.measured() && group.group->any().ranks > 1);
    if (!c.speedup || group.group->any().ranks < 2) continue;
    compared = true;
    if (outcome_of(*c.speedup) != Outcome::faster) continue;
    if (!best || c.speedup->value > analysis.comparison(*best).speedup->value) best = &group;
  }
  if (best) {
    const Estimate& most = *analysis.comparison(*best).speedup;
    return fmt::format("Parallel training pays here: {} is the fastest, {} times{}.", best->group->label,
                       number(most.value), most.interval ? "" : " (single launches)");
  }
  if (compared) return "Parallel training does not pay here: no number of ranks that was tried is faster.";
  if (!parallel) return "Nothing ran on more than one rank, so there is no speedup to speak of.";
  return "Whether parallel training pays cannot be said: there is no run that it may be compared with.";
}

}  // namespace

Outcome outcome_of(const Estimate& speedup) {
  const double low = speedup.interval ? speedup.interval->low : speedup.value - kSingleMargin;
  const double high = speedup.interval ? speedup.interval->high : speedup.value + kSingleMargin;
  if (low > 1) return Outcome::faster;
  return high < 1 ? Outcome::slower : Outcome::undecided;
}

std::string speedup_sentence(const GroupSummary& group, const Comparison& comparison,
                             const GroupSummary& baseline) {
  const Estimate& s = *comparison.speedup;
  const std::string here = group.group->label, there = baseline.group->label;
  const std::string times = absolute_times(group, baseline);
  const std::string efficiency =
      fmt::format("an efficiency of {} %", number(100 * comparison.efficiency->value));
  const bool weak = group.group->any().weak_scaling();
  switch (outcome_of(s)) {
    case Outcome::faster:
      return fmt::format("{} {} {} ({}): {}, {}.", here,
                         weak ? fmt::format("trains on {} times as many samples a second as", number(s.value))
                              : fmt::format("is {} times as fast as", number(s.value)),
                         there, certainty(s), times, efficiency);
    case Outcome::slower:
      return fmt::format("{} is slower than {}: it takes {} times as long ({}): {}, {}.", here, there,
                         number(1 / s.value), certainty_of_inverse(s), times, efficiency);
    case Outcome::undecided:
      return fmt::format(
          "{} is neither faster nor slower than {} by what was measured: {} times ({}): {}, {}.", here, there,
          number(s.value), certainty(s), times, efficiency);
  }
  return "";
}

std::string lost_time_sentence(const GroupSummary& group, const GroupSummary& baseline) {
  const std::optional<Lost> lost = lost_by(group, baseline);
  if (!lost) return "";
  const double total = lost->time.total;
  if (total < kNothingLost * lost->ideal) return "Next to nothing is lost against the ideal step.";
  std::vector<LostTime::Part> parts = lost->time.parts;
  std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  const bool own = parts[0].name == "comm_wait" && lost->late_rank_itself > kOwnTime * total;
  return fmt::format("Of the {} ms that a step takes beyond the ideal {} ms, {} % goes into {}{}{}.",
                     milliseconds(total), milliseconds(lost->ideal), number(100 * parts[0].seconds / total),
                     reason_of(parts[0], group), own ? " (its own extra time included)" : "",
                     second_reason(parts, total, group));
}

std::vector<std::string> verdict(const Analysis& analysis) {
  std::vector<std::string> sentences;
  for (const WorkloadSummary& workload : analysis.summaries) {
    const bool several = analysis.summaries.size() > 1;
    const std::string prefix =
        several ? fmt::format("{} on {}: ", workload.workload->model, workload.workload->data) : "";
    for (const GroupSummary& group : workload.groups)
      if (group.measured()) judge_group(sentences, prefix, group, analysis.comparison(group), workload);
    add(sentences, prefix, closing_sentence(workload, analysis));
  }
  return sentences;
}

}  // namespace lockstep
