// What the verbs' pages have in common.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/checks/rules.hpp"
#include "analysis/model/analysis.hpp"
#include "analysis/model/predictor.hpp"
#include "analysis/tables/page_options.hpp"
#include "analysis/tables/sheet.hpp"

namespace lockstep {

// "ddp x2", with model and data before it where the analysis has several workloads.
std::string subject(const Analysis& analysis, const WorkloadSummary& workload, const std::string& label);

// Calls visit(workload, group) for every group with launches.
template <typename Visit>
void visit_measured(const Analysis& analysis, Visit visit) {
  for (const WorkloadSummary& workload : analysis.summaries)
    for (const GroupSummary& group : workload.groups)
      if (group.measured()) visit(workload, group);
}

// Gives the predictor the link of options; else one that commbench has measured below the paths, on hardware
// like that of the predictor's group; else leaves it its own.
void choose_link(Predictor& predictor, const Analysis& analysis, const PageOptions& options);

// The last cell of a group's row where a rule refuses what the row would show; nothing otherwise.
std::optional<NoCells> refused(const GroupSummary& group, Claim claim);

// Launches that count, and those left out: "12 runs of 4 configurations".
std::string size_of(const Analysis& analysis);

}  // namespace lockstep
