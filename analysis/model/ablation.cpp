#include "analysis/model/ablation.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/checks/rules.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

bool same_but_ablated(const Launch& a, const Launch& b) {
  const auto ignored = [](const std::string& key) {
    return ignored_setting(key) || key == "parallel.ablation";
  };
  const auto covers = [&](const Launch& x, const Launch& y) {
    return std::all_of(x.settings.begin(), x.settings.end(), [&](const auto& entry) {
      return ignored(entry.first) || y.setting(entry.first) == entry.second;
    });
  };
  return a.header.mode == b.header.mode && a.ranks == b.ranks && (a.on_gpu() || a.threads == b.threads) &&
         a.fingerprint == b.fingerprint && a.environment == b.environment && covers(a, b) && covers(b, a);
}

const GroupSummary* ablated(const WorkloadSummary& workload, const GroupSummary& whole,
                            const std::string& ablation) {
  const auto fits = [&](const GroupSummary& other) {
    return other.measured() && other.group->any().ablation() == ablation &&
           same_but_ablated(whole.group->any(), other.group->any());
  };
  const auto found = std::find_if(workload.groups.begin(), workload.groups.end(), fits);
  return found == workload.groups.end() ? nullptr : &*found;
}

void name_phase(AblationComparison& c) {
  for (const LossPart phase : {LossPart::data, LossPart::h2d, LossPart::compute, LossPart::optimizer,
                               LossPart::bubble, LossPart::other}) {
    const double longer =
        phase_seconds(phase, c.whole->steps.point) - phase_seconds(phase, c.no_comm->steps.point);
    if (phase != LossPart::data && std::abs(longer) <= std::abs(c.longer)) continue;
    c.phase = phase;
    c.longer = longer;
  }
}

// By what share it takes longer in the whole step than alone.
Estimate slowdown(const GroupSummary& whole, const GroupSummary& alone,
                  double (*seconds)(const Quantities&)) {
  const Estimate ratio = estimate(
      whole.steps, alone.steps,
      [seconds](const Quantities& here, const Quantities& there) { return seconds(here) / seconds(there); });
  return mapped(ratio, [](double times) { return times - 1; });
}

void compare_exposed(AblationComparison& c) {
  c.exposed_by_ablation = estimate(
      c.whole->steps, c.no_comm->steps,
      [](const auto& whole, const auto& without) { return whole[Q::wall] - without[Q::wall]; }, Scale::any);
  c.compute_slowdown = slowdown(*c.whole, *c.no_comm, [](const Quantities& q) { return q.compute(); });
  const double events = c.whole->steps.point[Q::comm_exposed], ablation = c.exposed_by_ablation->value;
  c.difference = ablation - events;
  name_phase(c);
  if (std::abs(c.difference) <= kAgreement * std::max(events, ablation)) return;
  c.trust = c.longer > 0 ? AblationComparison::Trust::ablation : AblationComparison::Trust::events;
}

void compare_alone(AblationComparison& c) {
  c.comm_alone = estimate(c.comm_only->steps, [](const Quantities& q) { return q[Q::comm]; });
  if (!(c.comm_alone->value > 0)) return;
  c.comm_slowdown = slowdown(*c.whole, *c.comm_only, [](const Quantities& q) { return q[Q::comm]; });
}

}  // namespace

std::vector<AblationComparison> ablations_of(const WorkloadSummary& workload) {
  std::vector<AblationComparison> found;
  for (const GroupSummary& group : workload.groups) {
    if (!group.measured() || !group.group->any().ablation().empty()) continue;
    if (refusal_of(group.findings, Claim::budget)) continue;
    AblationComparison c;
    c.whole = &group;
    c.no_comm = ablated(workload, group, "no_comm");
    c.comm_only = ablated(workload, group, "comm_only");
    if (!c.no_comm && !c.comm_only) continue;
    if (c.no_comm) compare_exposed(c);
    if (c.comm_only) compare_alone(c);
    found.push_back(c);
  }
  return found;
}

std::string trust_sentence(const AblationComparison& c) {
  const std::string &label = c.whole->group->label, without = c.no_comm->group->label;
  const std::string events = milliseconds(c.whole->steps.point[Q::comm_exposed]),
                    ablation = milliseconds(c.exposed_by_ablation->value);
  switch (c.trust) {
    case AblationComparison::Trust::both:
      return fmt::format(
          "{}: events and ablation agree within {:.0f} % on the exposed communication, {} and {} ms.", label,
          100 * kAgreement, events, ablation);
    case AblationComparison::Trust::ablation:
      return fmt::format(
          "{}: events show {} ms of exposed communication, the ablation {} ms; trust the ablation: {} takes "
          "{} ms longer while communication is running, which events do not count.",
          label, events, ablation, name_of(c.phase), milliseconds(c.longer));
    case AblationComparison::Trust::events:
      return fmt::format(
          "{}: events show {} ms of exposed communication, the ablation {} ms; trust the events: {} takes "
          "{} ms longer in '{}', which leaving out communication does not explain.",
          label, events, ablation, name_of(c.phase), milliseconds(-c.longer), without);
  }
  return "";
}

}  // namespace lockstep
