#include "analysis/advice/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/advice/closing.hpp"
#include "analysis/checks/rules.hpp"
#include "analysis/model/lost.hpp"
#include "analysis/model/slow_passes.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

constexpr double kWorthNaming = 0.2;   // share of the lost time of a second reason
constexpr double kSameTime = 0.02;     // by which a late rank's phase may be longer and be called the same
constexpr double kOwnTime = 0.05;      // share of the lost time: a late rank's own
constexpr double kNothingLost = 0.01;  // of the ideal step

// What ranks that share a model send each other.
std::string transfer_words(const Launch& launch) {
  const auto mode = launch.mode();
  if (mode == Mode::parameter_server) return "the messages to and from the parameter server";
  if (mode == Mode::hybrid) return "the messages between stages and between replicas";
  if (launch.splits_the_model()) return "the messages between stages";
  return fmt::format("the {} themselves", launch.reduction_words());
}

// And who runs how much of it.
std::string optimizer_words(const Launch& launch) {
  if (launch.mode() == Mode::parameter_server) return "the optimizer, which rank 0 runs for all";
  return launch.splits_the_model() || launch.shards_optimizer()
             ? "the optimizer"
             : "the optimizer, which every rank runs in full";
}

// What is known of an estimate, as the tables show it.
std::string certainty(const Estimate& e) {
  if (e.interval) return "95 % interval " + bounds_of(e, *e.interval);
  if (!e.within_launch) return "single launches, no interval";
  return fmt::format("single launches; by their own steps {}", bounds_of(e, *e.within_launch));
}

// What the two sides took, in the unit that is the same work for both.
std::string absolute_times(const GroupSummary& group, const GroupSummary& baseline) {
  if (group.group->any().weak_scaling())
    return fmt::format("{} instead of {} samples/s", number(group.throughput.value),
                       number(baseline.throughput.value));
  return fmt::format("{} ms a step instead of {} ms", milliseconds(group.step_seconds.value),
                     milliseconds(baseline.step_seconds.value));
}

// What a late rank does that the others do not do.
std::string fault_of(const LateRank& late, std::int64_t ranks) {
  if (late.seconds <= (1 + kSameTime) * late.others) return "";
  const std::string times = fmt::format("{} ms of a step, those of {} {} ms", milliseconds(late.seconds),
                                        the_others(ranks), milliseconds(late.others));
  if (late.phase == LossPart::data) return ", whose loader takes " + times;
  if (late.phase == LossPart::h2d) return ", whose copies to the device take " + times;
  if (late.phase == LossPart::compute) return ", whose forward and backward passes take " + times;
  if (late.phase == LossPart::optimizer) return ", whose optimizer takes " + times;
  return fmt::format(", which spends {} ms of a step on what no phase accounts for, {} {} ms",
                     milliseconds(late.seconds), the_others(ranks), milliseconds(late.others));
}

// own: a late rank's extra time counts as waiting for it.
std::string reason_of(const LostTime::Part& part, const GroupSummary& group, bool own) {
  if (part.part != LossPart::comm_wait || !group.parallel.late)
    return words_for(part.part, group.group->any());
  const LateRank& late = *group.parallel.late;
  switch (late.lateness.kind) {
    case Straggler::persistent:
      if (late.role)
        return fmt::format("waiting for rank {}, the parameter server, which alone updates the parameters",
                           late.lateness.rank);
      return fmt::format("waiting for rank {}{}{}", late.lateness.rank,
                         fault_of(late, group.group->any().ranks),
                         own ? " (its own extra time included)" : "");
    case Straggler::roaming:
      return "waiting in collectives for late ranks, a different one each time";
    default:
      return fmt::format("waiting in collectives for late ranks, {} % of it for rank {}",
                         percent(late.lateness.share), late.lateness.rank);
  }
}

// A part of the lost time: its share; in ms where a part is larger than the whole, as others are below 0.
std::string amount_of(double seconds, const LostTime& lost) {
  if (lost.has_shares()) return percent(seconds / lost.total) + " %";
  return milliseconds(seconds) + " ms";
}

// The second reason where it is worth naming; the link always where waiting is the first.
std::string second_reason(const std::vector<LostTime::Part>& parts, const LostTime& lost,
                          const GroupSummary& group, bool own) {
  if (parts[0].part == LossPart::comm_wait)
    return fmt::format("; the link itself costs {}", amount_of(lost.of(LossPart::comm_transfer), lost));
  if (parts[1].seconds <= kWorthNaming * lost.total) return "";
  return fmt::format(", {} into {}", amount_of(parts[1].seconds, lost), reason_of(parts[1], group, own));
}

// Of the same seeds where there are such, as what is learned differs from seed to seed.
std::string learning_sentence(const GroupSummary& group, const Comparison& comparison) {
  if (!comparison.quality) return "";
  const Quality& q = *comparison.quality;
  const std::string seeds = q.seeds > 1    ? fmt::format("With the same {} seeds ", q.seeds)
                            : q.seeds == 1 ? std::string("With the same seed ")
                                           : std::string("With different seeds ");
  return fmt::format("{}the {} is {:.4f}, that of {} {:.4f}.", seeds, group.group->any().metric, q.here,
                     comparison.baseline->label, q.there);
}

void add(std::vector<std::string>& sentences, const std::string& sentence) {
  if (!sentence.empty()) sentences.push_back(sentence);
}

std::string missing_sentence(const GroupSummary& group) {
  const Finding* why = refusal_of(group.group->left_out.front()->findings, Claim::whole_run);
  return fmt::format("No run of {} can be used: {} [{}].", group.group->label, why->sentence,
                     why->rule->code);
}

}  // namespace

Outcome outcome_of(const Estimate& speedup) {
  if (!speedup.interval) return Outcome::undecided;
  if (speedup.interval->low > 1) return Outcome::faster;
  return speedup.interval->high < 1 ? Outcome::slower : Outcome::undecided;
}

std::string what_would_decide(const GroupSummary& group, const Comparison& comparison,
                              const GroupSummary& baseline) {
  const auto launches = static_cast<std::int64_t>(std::min(group.steps.launches, baseline.steps.launches));
  if (launches < 2) {
    const auto single = [](const GroupSummary& g) { return g.steps.launches < 2; };
    const std::string both = single(group) && single(baseline) ? " and of " + baseline.group->label : "";
    return fmt::format("two more launches of {}{} would give an interval",
                       (single(group) ? group : baseline).group->label, both);
  }
  if (!comparison.launches_to_decide)
    return fmt::format("not even {} launches of each would decide", kMostLaunches);
  const std::int64_t more = std::max<std::int64_t>(1, *comparison.launches_to_decide - launches);
  return fmt::format("about {} more launch{} of each would decide", more, more == 1 ? "" : "es");
}

std::string speedup_sentence(const GroupSummary& group, const Comparison& comparison,
                             const GroupSummary& baseline) {
  const Estimate &s = *comparison.speedup, &slower = *comparison.slowdown;
  const std::string here = group.group->label, there = baseline.group->label;
  const std::string times = absolute_times(group, baseline);
  const std::string efficiency = fmt::format("an efficiency of {} %", percent(comparison.efficiency->value));
  const bool weak = group.group->any().weak_scaling();
  switch (outcome_of(s)) {
    case Outcome::faster:
      return fmt::format("{} {} {} ({}): {}, {}.", here,
                         weak ? fmt::format("trains on {} times as many samples a second as", number(s.value))
                              : fmt::format("is {} times as fast as", number(s.value)),
                         there, certainty(s), times, efficiency);
    case Outcome::slower:
      return fmt::format("{} is slower than {}: it takes {} times as long ({}): {}, {}.", here, there,
                         number(slower.value), certainty(slower), times, efficiency);
    case Outcome::undecided:
      return fmt::format(
          "Whether {} is faster than {} cannot be said yet: {} times as fast ({}): {}, {}; {}.", here, there,
          number(s.value), certainty(s), times, efficiency, what_would_decide(group, comparison, baseline));
  }
  return "";
}

namespace {

std::string largest_losses(const Lost& lost, const GroupSummary& group) {
  std::vector<LostTime::Part> parts = lost.time.parts;
  std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  const bool own = lost.late_rank_itself > kOwnTime * lost.time.total;
  const std::string ideal = milliseconds(lost.ideal), total = milliseconds(lost.time.total),
                    first = amount_of(parts[0].seconds, lost.time),
                    losses = reason_of(parts[0], group, own) + second_reason(parts, lost.time, group, own);
  if (lost.time.has_shares())
    return fmt::format("Of the {} ms that a step takes beyond the ideal {} ms, {} goes into {}.", total,
                       ideal, first, losses);
  return fmt::format(
      "A step takes {} ms more than the ideal {} ms: {} more go into {}; other parts take less than their "
      "share.",
      total, ideal, first, losses);
}

}  // namespace

std::string words_for(LossPart part, const Launch& launch) {
  switch (part) {
    case LossPart::data:
      return "waiting for the loader";
    case LossPart::h2d:
      return "copying batches to the device";
    case LossPart::compute:
      return "forward and backward passes that take longer than their share of the baseline's";
    case LossPart::optimizer:
      return optimizer_words(launch);
    case LossPart::comm_wait:
      return "waiting in collectives for other ranks";
    case LossPart::comm_transfer:
      return transfer_words(launch);
    case LossPart::bubble:
      return "pipeline bubbles";
    case LossPart::other:
      break;
  }
  return "time that no phase accounts for";
}

std::string lost_time_sentence(const GroupSummary& group, const WorkloadSummary& workload,
                               const GroupSummary& baseline) {
  const std::optional<Lost> lost = lost_by(group, baseline);
  if (!lost) return "";
  if (lost->time.total < kNothingLost * lost->ideal) return "Next to nothing is lost against the ideal step.";
  const LostTime::Part& most =
      *std::max_element(lost->time.parts.begin(), lost->time.parts.end(),
                        [](const auto& a, const auto& b) { return a.seconds < b.seconds; });
  const auto passes =
      most.part == LossPart::compute ? slow_passes(workload, group, baseline) : std::optional<SlowPasses>();
  return largest_losses(*lost, group) + (passes ? " " + words_for(*passes) : "");
}

std::vector<std::string> group_sentences(const GroupSummary& group, const WorkloadSummary& workload,
                                         const Analysis& analysis) {
  if (!group.measured()) return {missing_sentence(group)};
  const Comparison& comparison = analysis.comparison(group);
  if (!comparison.baseline) return {};
  if (const Finding* refusal = comparison.refused())
    return {fmt::format("No speedup is claimed for {}: {} [{}].", group.group->label, refusal->sentence,
                        refusal->rule->code)};
  const GroupSummary& baseline = *summary_of(workload, comparison.baseline);
  std::vector<std::string> sentences;
  add(sentences, speedup_sentence(group, comparison, baseline));
  if (group.group->any().ranks > 1) add(sentences, lost_time_sentence(group, workload, baseline));
  add(sentences, learning_sentence(group, comparison));
  return sentences;
}

std::vector<std::string> verdict(const Analysis& analysis) {
  std::vector<std::string> sentences;
  if (const auto n = analysis.runs.unreadable.size(); n > 0)
    sentences.push_back(fmt::format("{} file{} cannot be read, so what {} is missing here.", n,
                                    n == 1 ? "" : "s", n == 1 ? "it holds" : "they hold"));
  for (const WorkloadSummary& workload : analysis.summaries) {
    std::vector<std::string> own;
    // What ran and cannot be used is said before anything is said of the rest.
    for (const GroupSummary& group : workload.groups)
      if (!group.measured()) add(own, missing_sentence(group));
    for (const GroupSummary& group : workload.groups)
      if (group.measured())
        for (const std::string& sentence : group_sentences(group, workload, analysis)) add(own, sentence);
    add(own, closing_sentence(workload, analysis));
    const bool several = analysis.summaries.size() > 1;
    for (const std::string& sentence : own)
      sentences.push_back(
          several ? fmt::format("{} on {}: {}", workload.workload->model, workload.workload->data, sentence)
                  : sentence);
  }
  return sentences;
}

}  // namespace lockstep
