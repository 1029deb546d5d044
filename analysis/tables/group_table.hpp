// Tables with a row a group, and what the pages have in common.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analysis/model/analysis.hpp"
#include "analysis/model/predictor.hpp"
#include "analysis/tables/group_columns.hpp"
#include "analysis/tables/page_options.hpp"
#include "analysis/tables/table.hpp"

namespace lockstep {

// A group that is to have a row, and its name there.
struct NamedGroup {
  std::string name;
  const WorkloadSummary* workload;
  const GroupSummary* summary;
};
bool is_measured(const GroupSummary& group);
bool is_parallel(const GroupSummary& group);  // measured, on more than one rank

// The groups of one workload by their labels; those of an analysis by subject().
using WhichGroups = std::function<bool(const GroupSummary&)>;
std::vector<NamedGroup> groups_of(const WorkloadSummary& workload, const WhichGroups& which = is_measured);
std::vector<NamedGroup> groups_of(const Analysis& analysis, const WhichGroups& which = is_measured);

// Why a group's row ends after `facts` columns.
struct RowRefusal {
  std::function<std::optional<Refused>(const WorkloadSummary&, const GroupSummary&)> why;
  std::size_t facts = 0;  // beside the name
};

// A row a group: its name, under the key "group", and the columns.
Table group_table(std::string key, std::string heading, const std::vector<NamedGroup>& groups,
                  const std::vector<GroupColumn>& columns, const RowRefusal& refusal = {});

// Rows end where a rule refuses the group's claim.
RowRefusal unless_refused(Claim claim, const std::string& said = "", std::size_t facts = 0);

// "ddp x2", with model and data before it where the analysis has several workloads.
std::string subject(const Analysis& analysis, const WorkloadSummary& workload, const std::string& label);

// Gives the predictor the link of options; else one that commbench has measured below the paths, on hardware
// like that of the predictor's group; else leaves it its own.
void choose_link(Predictor& predictor, const Analysis& analysis, const PageOptions& options);

// Launches that count, and those left out: "12 runs of 4 configurations".
std::string size_of(const Analysis& analysis);

}  // namespace lockstep
