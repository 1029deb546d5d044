#include "analysis/render/summary_json.hpp"

#include "analysis/advice/verdict.hpp"
#include "analysis/render/json.hpp"
#include "analysis/tables/group_columns.hpp"
#include "base/provenance.hpp"

namespace lockstep {

namespace {

Json groups(const Analysis& analysis, const Table& table) {
  Json rows = json_of(table);
  auto row = rows.begin();
  for (const WorkloadSummary& workload : analysis.summaries) {
    for (const GroupSummary& group : workload.groups) {
      Json& uuids = (*row++)["runs"] = Json::array();
      for (const Launch* launch : group.group->launches) uuids.push_back(launch->header.uuid);
    }
  }
  return rows;
}

Json findings(const Analysis& analysis) {
  Json list = Json::array();
  for (const ReportedFinding& f : all_findings(analysis))
    list.push_back({{"code", f.finding->rule->code},
                    {"severity", is_refusal(*f.finding) ? "refusal" : "warning"},
                    {"subject", f.subject},
                    {"sentence", f.finding->sentence}});
  return list;
}

Json runs(const Analysis& analysis) {
  Json list = Json::array();
  for (const Launch& launch : analysis.runs.launches) {
    Json codes = Json::array();
    for (const Finding& finding : launch.findings) codes.push_back(finding.rule->code);
    list.push_back({{"path", launch.path},
                    {"uuid", launch.header.uuid},
                    {"started", launch.header.started},
                    {"status", launch.header.status},
                    {"valid", launch.header.valid},
                    {"used", launch.usable()},
                    {"seed", launch.setting("run.seed")},
                    {"findings", codes}});
  }
  return list;
}

}  // namespace

std::string summary_json(const Analysis& analysis) {
  const Table table = groups_table(analysis);
  Json units = Json::object();
  for (const Column& column : flattened(table).columns)
    if (!column.unit.empty()) units[column.key] = column.unit;
  return json_text({{"program", "analyze " + provenance().version},
                    {"baseline", analysis.baseline == Baseline::seq ? "seq" : "ddp1"},
                    {"verdict", verdict(analysis)},
                    {"groups", groups(analysis, table)},
                    {"findings", findings(analysis)},
                    {"runs", runs(analysis)},
                    {"unreadable", analysis.runs.unreadable},
                    {"units", units}});
}

}  // namespace lockstep
