#include <fmt/format.h>

#include <algorithm>

#include "analysis/quantities/numbers.hpp"
#include "analysis/tables/page_parts.hpp"
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

}  // namespace

Page pop_page(const Analysis& analysis, const PageOptions&) {
  Page page{"POP efficiencies: " + size_of(analysis), {}, {}, {}};
  Sheet sheet{"pop",
              "In %; parallel = load balance x serialisation x transfer",
              {{"group", "", ""},
               {"pop_parallel_efficiency", "1", "parallel", 100},
               {"pop_load_balance", "1", "load balance", 100},
               {"pop_communication_efficiency", "1", "communication", 100},
               {"pop_serialisation_efficiency", "1", "serialisation", 100},
               {"pop_transfer_efficiency", "1", "transfer", 100}},
              {}};
  Sheet times{"pop_times",
              "Seconds behind them, of a mean step, in ms",
              {{"group", "", ""},
               {"work_mean", "s", "work, mean", 1000},
               {"work_most", "s", "work, busiest rank", 1000},
               {"ideal_step", "s", "step without transfer", 1000},
               {"step", "s", "step", 1000}},
              {}};
  visit_measured(analysis, [&](const WorkloadSummary& workload, const GroupSummary& group) {
    if (group.group->any().ranks < 2) return;
    const std::string name = subject(analysis, workload, group.group->label);
    if (const auto no = refused(group, Claim::budget)) return sheet.rows.push_back({name, *no});
    const PopSummary& pop = *group.parallel.pop;
    sheet.rows.push_back({name, pop.parallel, pop.load_balance, pop.communication, cell(pop.serialisation),
                          cell(pop.transfer)});
    times.rows.push_back({name, pop.mean_work, pop.most_work, cell(pop.ideal_step), pop.step});
    page.lead.push_back(lead_sentence(name, pop));
    if (!pop.transfer)
      page.notes.push_back(
          fmt::format("{}: no events, so the step cannot be replayed without transfer.", name));
  });
  if (sheet.rows.empty()) {
    page.lead.emplace_back("No run has more than one rank.");
    return page;
  }
  page.sheets = {std::move(sheet), std::move(times)};
  page.notes.emplace_back(
      "Work is all that a rank does apart from exposed communication and pipeline bubbles.");
  return page;
}

}  // namespace lockstep
