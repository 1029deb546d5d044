#include <fmt/format.h>

#include <algorithm>

#include "analysis/quantities/numbers.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

namespace {

// The factor that costs most.
std::string lead_sentence(const std::string& name, const PopSummary& pop) {
  struct Factor {
    const char* what;
    double value;
  };
  std::vector<Factor> factors = {{"uneven work of the ranks (load balance)", pop.load_balance.value}};
  if (pop.transfer) {
    factors.push_back({"ranks that wait for each other in turn (serialisation)", pop.serialisation->value});
    factors.push_back({"the transfer of data", pop.transfer->value});
  } else {
    factors.push_back({"communication", pop.communication.value});
  }
  const Factor& least = *std::min_element(factors.begin(), factors.end(),
                                          [](const Factor& a, const Factor& b) { return a.value < b.value; });
  return fmt::format("{}: {} % of the ranks' time is work; the factor that costs most is {}, {} %.", name,
                     number(100 * pop.parallel.value), least.what, number(100 * least.value));
}

bool has_events(const GroupSummary& group) {
  return group.algorithm_bandwidth || group.unmatched_collectives > 0 || !group.parallel.buckets.empty();
}

template <typename Get>
GroupColumn seconds(const char* key, const char* header, Get get) {
  return {{key, "s", header, 1000},
          [get](const WorkloadSummary&, const GroupSummary& s) { return Cell(get(*s.parallel.pop)); }};
}

}  // namespace

Page pop_page(const Analysis& analysis, const PageOptions&) {
  Page page{"POP efficiencies: " + size_of(analysis), {}, {}, {}};
  const auto closed = [](const GroupSummary& s) {
    return is_parallel(s) && !refusal_of(s.findings, Claim::budget);
  };
  const std::vector<NamedGroup> groups = groups_of(analysis, is_parallel),
                                known = groups_of(analysis, closed);
  for (const auto& [name, workload, summary] : known) {
    page.lead.push_back(lead_sentence(name, *summary->parallel.pop));
    if (!summary->parallel.pop->transfer)
      page.notes.push_back(
          fmt::format("{}: {}, so the step cannot be replayed without transfer.", name,
                      has_events(*summary) ? "its events do not match across the ranks" : "no events"));
  }
  if (groups.empty()) {
    page.lead.emplace_back("No run has more than one rank.");
    return page;
  }
  page.tables = {
      group_table("pop", "In %; parallel = load balance x serialisation x transfer", groups,
                  {metric("pop_parallel_efficiency", "parallel", 100),
                   metric("pop_load_balance", "load balance", 100),
                   metric("pop_communication_efficiency", "communication", 100),
                   metric("pop_serialisation_efficiency", "serialisation", 100),
                   metric("pop_transfer_efficiency", "transfer", 100)},
                  unless_refused(Claim::budget)),
      group_table(
          "pop_times", "The times behind them, of a mean step, in ms", known,
          {seconds("work_mean", "work, mean", [](const PopSummary& p) { return p.mean_work; }),
           seconds("work_most", "work, busiest rank", [](const PopSummary& p) { return p.most_work; }),
           seconds("ideal_step", "step without transfer",
                   [](const PopSummary& p) { return cell(p.ideal_step); }),
           seconds("step", "step", [](const PopSummary& p) { return p.step; })})};
  page.notes.emplace_back(
      "Work is everything that a rank does except exposed communication and pipeline bubbles.");
  return page;
}

}  // namespace lockstep
