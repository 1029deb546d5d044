#include "analysis/tables/group_table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace lockstep {

bool is_measured(const GroupSummary& group) { return group.measured(); }
bool is_parallel(const GroupSummary& group) { return group.measured() && group.group->any().ranks > 1; }

std::vector<NamedGroup> groups_of(const WorkloadSummary& workload, const WhichGroups& which) {
  std::vector<NamedGroup> groups;
  for (const GroupSummary& group : workload.groups)
    if (which(group)) groups.push_back({group.group->label, &workload, &group});
  return groups;
}

std::vector<NamedGroup> groups_of(const Analysis& analysis, const WhichGroups& which) {
  std::vector<NamedGroup> groups;
  for (const WorkloadSummary& workload : analysis.summaries)
    for (NamedGroup& group : groups_of(workload, which)) {
      group.name = subject(analysis, workload, group.name);
      groups.push_back(std::move(group));
    }
  return groups;
}

Table group_table(std::string key, std::string heading, const std::vector<NamedGroup>& groups,
                  const std::vector<GroupColumn>& columns, const RowRefusal& refusal) {
  Table table{std::move(key), std::move(heading), {{"group", "", ""}}};
  for (const GroupColumn& c : columns) table.columns.push_back(c.column);
  for (const auto& [name, workload, summary] : groups) {
    std::vector<Cell>& row = table.rows.emplace_back(std::vector<Cell>{name});
    const std::optional<Refused> refused = refusal.why ? refusal.why(*workload, *summary) : std::nullopt;
    const std::size_t shown = refused ? refusal.facts : columns.size();
    for (std::size_t i = 0; i < shown; ++i) row.push_back(columns[i].get(*workload, *summary));
    if (refused) row.emplace_back(*refused);
  }
  return table;
}

RowRefusal unless_refused(Claim claim, const std::string& said, std::size_t facts) {
  const auto why = [=](const WorkloadSummary&, const GroupSummary& group) {
    const Finding* finding = refusal_of(group.findings, claim);
    return finding ? std::optional(refused_by(*finding, said)) : std::nullopt;
  };
  return {why, facts};
}

std::string subject(const Analysis& analysis, const WorkloadSummary& workload, const std::string& label) {
  if (analysis.summaries.size() < 2) return label;
  return fmt::format("{} on {}: {}", workload.workload->model, workload.workload->data, label);
}

void choose_link(Predictor& predictor, const Analysis& analysis, const PageOptions& options) {
  if (options.link) return predictor.set_link(*options.link);
  const LinkBench* bench = bench_of(predictor.source().group->any(), analysis.runs.benches);
  if (!bench) return;
  predictor.set_link(bench->all_reduce->latency, bench->all_reduce->bandwidth,
                     fmt::format("as the all-reduces of commbench show ({}, {} ranks, {})", bench->backend,
                                 bench->ranks, bench->path));
}

std::string size_of(const Analysis& analysis) {
  std::size_t groups = 0;
  for (const Workload& workload : analysis.workloads) groups += workload.groups.size();
  const std::size_t runs = analysis.runs.launches.size();
  return fmt::format("{} run{} of {} configuration{}", runs, runs == 1 ? "" : "s", groups,
                     groups == 1 ? "" : "s");
}

}  // namespace lockstep
