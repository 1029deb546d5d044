#include "analysis/advice/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "analysis/checks/rules.hpp"
#include "analysis/output/numbers.hpp"

namespace lockstep {

namespace {

constexpr double kSingleMargin = 0.05;  // what a single launch must differ by
constexpr double kWorthNaming = 0.2;    // share of the lost time of a second reason
constexpr double kPersistent = 0.6;     // share of collectives in which one rank comes last
constexpr double kNothingLost = 0.01;   // of the ideal step

const std::map<std::string, std::string> kReasons = {
    {"data", "waiting for the loader"},
    {"h2d", "copying batches to the device"},
    {"compute", "forward and backward passes that take longer than their share of the baseline's"},
    {"optimizer", "the optimizer, which every rank runs in full"},
    {"comm_wait", "waiting in collectives for a late rank"},
    {"comm_transfer", "the exchange of gradients itself"},
    {"bubble", "pipeline bubbles"},
    {"other", "what no phase accounts for"},
};

const GroupSummary& summary_of(const WorkloadSummary& workload, const Group* group) {
  return *std::find_if(workload.groups.begin(), workload.groups.end(),
                       [&](const GroupSummary& s) { return s.group == group; });
}

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

std::string reason_of(const LostTime::Part& part, const GroupSummary& group) {
  std::string reason = kReasons.at(part.name);
  if (part.name != "comm_wait" || group.last_rank < 0 || group.last_share < kPersistent) return reason;
  return fmt::format("{} (rank {} comes last in {} % of them)", reason, group.last_rank,
                     number(100 * group.last_share));
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
  const GroupSummary& baseline = summary_of(workload, comparison.baseline);
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
  for (const GroupSummary* side : {&group, &baseline})
    if (refusal_of(side->findings, Claim::budget)) return "";
  const Launch& launch = group.group->any();
  const LostTime lost = lost_time(group.budget, baseline.budget, launch.ranks, !launch.weak_scaling());
  const double ideal = group.budget[Quantity::wall] - lost.total;
  if (lost.total < kNothingLost * ideal) return "Next to nothing is lost against the ideal step.";
  std::vector<LostTime::Part> parts = lost.parts;
  std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  std::string sentence = fmt::format(
      "Of the {} ms that a step takes beyond the ideal {} ms, {} % goes into {}", milliseconds(lost.total),
      milliseconds(ideal), number(100 * parts[0].seconds / lost.total), reason_of(parts[0], group));
  if (parts[1].seconds > kWorthNaming * lost.total)
    sentence += fmt::format(", {} % into {}", number(100 * parts[1].seconds / lost.total),
                            reason_of(parts[1], group));
  return sentence + '.';
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
