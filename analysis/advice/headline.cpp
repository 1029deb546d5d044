#include "analysis/advice/headline.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/checks/rules.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

constexpr double kNothingLost = 0.01;  // of the ideal step
constexpr double kOneBucket = 0.5;     // of the exposed communication of all buckets

// "1.42x (1.09-1.75), 71 % efficient".
std::string times_as_fast(const Comparison& comparison) {
  const Estimate& s = *comparison.speedup;
  const std::string certainty =
      s.interval ? fmt::format(" ({})", bounds_of(s, *s.interval, 1, "-")) : " (single launches)";
  return fmt::format("{}x{}, {:.0f} % efficient", number(s.value), certainty,
                     100 * comparison.efficiency->value);
}

// The bucket in which most communication is exposed, where there are several and one has half of it.
std::string of_bucket(const GroupSummary& group) {
  const std::vector<BucketTimes>& buckets = group.parallel.buckets;
  if (buckets.size() < 2) return "";
  double all = 0;
  for (const BucketTimes& bucket : buckets) all += bucket.exposed;
  const auto most = std::max_element(buckets.begin(), buckets.end(),
                                     [](const auto& a, const auto& b) { return a.exposed < b.exposed; });
  return all > 0 && most->exposed >= kOneBucket * all
             ? fmt::format(", most of it into that of bucket {}", most->bucket)
             : "";
}

std::string reason_for(LossPart part, const GroupSummary& group) {
  switch (part) {
    case LossPart::data:
    case LossPart::h2d:
    case LossPart::optimizer:
    case LossPart::other:
      return words_for(part, group.group->any());
    case LossPart::comm_transfer:
      return words_for(part, group.group->any()) + of_bucket(group);
    case LossPart::compute:
      return "slower forward and backward passes";
    case LossPart::bubble:
      return "the pipeline's bubbles";
    case LossPart::comm_wait:
      break;
  }
  const auto& late = group.parallel.late;
  if (late && late->lateness.kind == Straggler::persistent)
    return fmt::format("waiting for rank {}", late->lateness.rank);
  return "waiting for ranks that are late";
}

std::string share_in_words(double share) {
  return share > 0.95 ? "Nearly all" : fmt::format("{:.0f} %", 100 * share);
}

std::string loss_sentence(const GroupSummary& group, const WorkloadSummary& workload,
                          const Analysis& analysis) {
  const std::optional<Lost> lost = lost_of(group, workload, analysis);
  const LostTime::Part* part = lost ? largest_loss(*lost) : nullptr;
  if (!part) return "";
  return fmt::format(" {} of the lost time goes into {}.", share_in_words(part->seconds / lost->time.total),
                     reason_for(part->part, group));
}

// Where nothing has a speedup: what is refused, of the group on most ranks, without the details after the colon.
std::string refused_headline(const WorkloadSummary& workload, const Analysis& analysis) {
  const GroupSummary* most = nullptr;
  for (const GroupSummary& group : workload.groups)
    if (group.group->any().ranks > 1 && (!most || group.group->any().ranks > most->group->any().ranks))
      most = &group;
  const Finding* why = refusal_of(*most, analysis.comparison(*most));
  if (!why) return closing_sentence(workload, analysis);
  const char* said =
      most->measured() ? "No speedup is claimed for {}: {} [{}]." : "No run of {} can be used: {} [{}].";
  return fmt::format(fmt::runtime(said), most->group->label, in_short(*why), why->rule->code);
}

std::string names_of(const std::vector<const GroupSummary*>& groups) {
  if (groups.size() > 3)
    return fmt::format("{} and {} more", groups.front()->group->label, groups.size() - 1);
  std::string out;
  for (std::size_t i = 0; i < groups.size(); ++i)
    out += (i == 0 ? "" : i + 1 == groups.size() ? " and " : ", ") + groups[i]->group->label;
  return out;
}

}  // namespace

std::string verdict_word(const GroupSummary& group, const WorkloadSummary& workload,
                         const Analysis& analysis) {
  if (!group.measured()) return "refused";
  const Comparison& comparison = analysis.comparison(group);
  const auto measures = [&](const GroupSummary& other) {
    return analysis.comparison(other).baseline == group.group;
  };
  if (group.group->any().ranks < 2)
    return std::any_of(workload.groups.begin(), workload.groups.end(), measures) ? "baseline" : "one rank";
  if (comparison.refused()) return "refused";
  if (!comparison.speedup) return "cannot be said";
  switch (outcome_of(*comparison.speedup)) {
    case Outcome::faster:
      return "pays";
    case Outcome::slower:
      return "does not pay";
    default:
      return "cannot be said";
  }
}

const Finding* refusal_of(const GroupSummary& group, const Comparison& comparison) {
  if (!group.measured())
    return lockstep::refusal_of(group.group->left_out.front()->findings, Claim::whole_run);
  return comparison.refused();
}

std::optional<Lost> lost_of(const GroupSummary& group, const WorkloadSummary& workload,
                            const Analysis& analysis) {
  const Comparison& comparison = analysis.comparison(group);
  if (!group.measured() || group.group->any().ranks < 2 || !comparison.speedup) return {};
  return lost_by(group, *summary_of(workload, comparison.baseline));
}

const LostTime::Part* largest_loss(const Lost& lost) {
  if (!lost.time.has_shares() || lost.time.total < kNothingLost * lost.ideal) return nullptr;
  return &*std::max_element(lost.time.parts.begin(), lost.time.parts.end(),
                            [](const auto& a, const auto& b) { return a.seconds < b.seconds; });
}

std::string headline(const WorkloadSummary& workload, const Analysis& analysis) {
  const Standing standing = standing_of(workload, analysis);
  if (!standing.best)
    return standing.parallel ? refused_headline(workload, analysis) : closing_sentence(workload, analysis);
  const Comparison& comparison = analysis.comparison(*standing.best);
  const std::string label = standing.best->group->label, times = times_as_fast(comparison),
                    loss = loss_sentence(*standing.best, workload, analysis);
  switch (standing.outcome) {
    case Outcome::faster:
      if (standing.first.size() > 1)
        return fmt::format("{} pay, without a significant difference; {}: {}.{}", names_of(standing.first),
                           label, times, loss);
      return fmt::format("{} pays: {}.{}", label, times, loss);
    case Outcome::slower:
      return fmt::format("Parallel training does not pay{}: {}, the fastest, is {}.{}",
                         standing.untold.empty() ? "" : " where it could be compared", label, times, loss);
    default:
      return fmt::format("It cannot be said yet whether parallel training pays: {}: {}.", label, times);
  }
}

}  // namespace lockstep
