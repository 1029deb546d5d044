#include "analysis/render/json.hpp"

#include "analysis/advice/verdict.hpp"
#include "analysis/checks/rules.hpp"
#include "analysis/render/json_text.hpp"
#include "analysis/tables/metric_columns.hpp"
#include "base/provenance.hpp"

namespace lockstep {

namespace {

struct WriteValue {
  JsonText& json;
  const std::string& name;
  void operator()(std::monostate) const { json.key(name).null(); }
  void operator()(double value) const { json.key(name).number(value); }
  void operator()(std::int64_t value) const { json.key(name).integer(value); }
  void operator()(const std::string& text) const { json.key(name).text(text); }
  void operator()(const Refused& refused) const {
    json.key(name).null();
    json.key(name + "_refused").text(refused.code);
  }
};

void write_findings(JsonText& json, const std::vector<Finding>& findings) {
  json.key("findings").begin_list();
  for (const Finding& finding : findings) json.text(finding.rule->code);
  json.end_list();
}

void write_runs(JsonText& json, const Analysis& analysis) {
  json.key("runs").begin_list();
  for (const Launch& launch : analysis.runs.launches) {
    json.begin_object();
    json.key("path").text(launch.path).key("uuid").text(launch.header.uuid);
    json.key("started").text(launch.header.started).key("status").text(launch.header.status);
    json.key("valid").boolean(launch.header.valid).key("used").boolean(launch.usable());
    json.key("seed").text(launch.setting("run.seed"));
    write_findings(json, launch.findings);
    json.end_object();
  }
  json.end_list();
  json.key("unreadable").begin_list();
  for (const std::string& line : analysis.runs.unreadable) json.text(line);
  json.end_list();
}

void write_groups(JsonText& json, const Analysis& analysis) {
  json.key("groups").begin_list();
  for (const WorkloadSummary& workload : analysis.summaries) {
    for (const GroupSummary& group : workload.groups) {
      json.begin_object();
      for (const MetricColumn& column : metric_columns())
        std::visit(WriteValue{json, column.name}, column.get(workload, group));
      json.key("runs").begin_list();
      for (const Launch* launch : group.group->launches) json.text(launch->header.uuid);
      json.end_list();
      json.end_object();
    }
  }
  json.end_list();
}

void write_all_findings(JsonText& json, const Analysis& analysis) {
  json.key("findings").begin_list();
  for (const ReportedFinding& f : all_findings(analysis)) {
    json.begin_object();
    json.key("code").text(f.finding->rule->code);
    json.key("severity").text(is_refusal(*f.finding) ? "refusal" : "warning");
    json.key("subject").text(f.subject).key("sentence").text(f.finding->sentence);
    json.end_object();
  }
  json.end_list();
}

}  // namespace

std::string render_json(const Analysis& analysis) {
  JsonText json;
  json.begin_object();
  json.key("program").text("analyze " + provenance().version);
  json.key("baseline").text(analysis.baseline == Baseline::seq ? "seq" : "ddp1");
  json.key("verdict").begin_list();
  for (const std::string& sentence : verdict(analysis)) json.text(sentence);
  json.end_list();
  write_groups(json, analysis);
  write_all_findings(json, analysis);
  write_runs(json, analysis);
  json.key("units").begin_object();
  for (const MetricColumn& column : metric_columns())
    if (!column.unit.empty()) json.key(column.name).text(column.unit);
  json.end_object();
  json.end_object();
  return json.str() + '\n';
}

}  // namespace lockstep
