#include "analysis/render/html.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "analysis/quantities/numbers.hpp"
#include "analysis/render/escape.hpp"
#include "analysis/render/html_writer.hpp"
#include "analysis/tables/definitions.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/summary.hpp"
#include "base/provenance.hpp"

namespace lockstep {

// Made by CMake from the files of report/.
extern const char *const kReportPage, *const kReportStyle, *const kReportScript;

namespace {

constexpr std::size_t kUuidsShown = 12;

std::string runs_text(const std::vector<std::string>& uuids) {
  std::string out = uuids.size() == 1 ? "run " : "runs ";
  for (std::size_t i = 0; i < std::min(uuids.size(), kUuidsShown); ++i) out += (i ? ", " : "") + uuids[i];
  if (uuids.size() > kUuidsShown) out += fmt::format(" and {} more", uuids.size() - kUuidsShown);
  return out;
}

std::string runs_of(const LaunchGroup& group) {
  std::vector<std::string> uuids;
  for (const Launch* launch : group.launches.empty() ? group.left_out : group.launches)
    uuids.push_back(launch->header.uuid);
  return runs_text(uuids);
}

template <typename Visit>
void each_group(const Analysis& analysis, Visit visit) {
  for (const WorkloadSummary& workload : analysis.summaries)
    for (const GroupSummary& group : workload.groups) visit(workload, group);
}

// Groups of different workloads may share a label; then it stands for all their runs.
Hovers hovers_of(const Analysis& analysis) {
  Hovers hovers;
  each_group(analysis, [&](const WorkloadSummary&, const GroupSummary& s) {
    std::string& runs = hovers.rows[s.group->label];
    runs += (runs.empty() ? "" : "\n") + runs_of(*s.group);
  });
  return hovers;
}

void add_verdict(HtmlWriter& html, const Page& summary) {
  html.heading("Verdict");
  html.raw("<div class=\"verdict\">\n");
  for (const std::string& sentence : summary.lead) html.paragraph(sentence);
  html.raw("</div>\n");
}

void add_pictures(HtmlWriter& html, const HtmlReport& report) {
  if (report.pictures.empty() && report.notice.empty()) return;
  html.heading("Pictures");
  if (!report.notice.empty()) html.element("p", report.notice, " class=\"note\"");
  html.raw("<div class=\"figures\">\n");
  for (const HtmlPicture& p : report.pictures) {
    html.raw(p.file.starts_with("comparison") || p.file.starts_with("table") ? "<figure class=\"wide\">\n"
                                                                             : "<figure>\n");
    html.element("h3", p.title);
    html.raw(fmt::format("<div class=\"scroll\"{}>{}</div>\n", title_attribute(runs_text(p.uuids)), p.svg));
    html.element("figcaption", p.caption).raw("</figure>\n");
  }
  html.raw("</div>\n");
}

struct CellText {
  std::string operator()(double value) const { return number(value); }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(const std::string& text) const { return text; }
  std::string operator()(const Refused& refused) const { return "refused [" + refused.code + "]"; }
  template <typename T>
  std::string operator()(const T&) const {
    return "-";
  }
};

// Every metric of every group: a row a metric, a column a group.
void add_all_numbers(HtmlWriter& html, const Analysis& analysis) {
  html.heading("All numbers");
  html.element("p",
               "Times in seconds, shares from 0 to 1; rest the pointer on a number for what it means and for "
               "the runs that it comes from.",
               " class=\"note\"");
  html.raw(
      "<details><summary>every metric of every group</summary>\n<div "
      "class=\"scroll\"><table>\n<thead><tr><th>metric</th><th>unit</th>");
  std::vector<std::string> runs;
  each_group(analysis, [&](const WorkloadSummary&, const GroupSummary& s) {
    runs.push_back(runs_of(*s.group));
    html.raw(fmt::format("<th{}>{}</th>", title_attribute(runs.back()), html_escaped(s.group->label)));
  });
  html.raw("</tr></thead>\n<tbody>\n");
  const Table table = flattened(groups_table(analysis));
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const std::string &key = table.columns[c].key, about = definition_of(key);
    html.raw(fmt::format("<tr><td{}>{}</td><td>{}</td>", title_attribute(about), html_escaped(key),
                         html_escaped(table.columns[c].unit)));
    for (std::size_t r = 0; r < runs.size(); ++r)
      html.raw(fmt::format("<td{}>{}</td>", title_attribute(about + "\n" + runs[r]),
                           html_escaped(std::visit(CellText(), table.rows[r][c]))));
    html.raw("</tr>\n");
  }
  html.raw("</tbody></table></div></details>\n");
}

std::string shell_quoted(const std::string& text) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string("._-/=:+,@").find(c) != std::string::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string command_of(const Launch& launch) {
  const std::string config = shell_quoted(launch.path + "/config.yaml");
  const std::string& mode = launch.header.mode;
  if (mode == "seq") return "train_seq --config " + config;
  return fmt::format("mpirun -np {} {} --config {}", launch.ranks,
                     mode == "ddp" || mode == "ps" ? "train_ddp" : "train_mp", config);
}

// Keys in which the groups differ, side by side; then each configuration in full.
void add_configurations(HtmlWriter& html, const HtmlReport& report) {
  html.heading("Commands and configurations");
  std::set<std::string> keys;
  std::vector<const LaunchGroup*> groups;
  each_group(report.analysis, [&](const WorkloadSummary&, const GroupSummary& s) {
    groups.push_back(s.group);
    for (const auto& [key, value] : s.group->any().settings)
      if (!ignored_setting(key)) keys.insert(key);
  });
  std::vector<std::string> header = {"key"};
  for (const LaunchGroup* group : groups) header.push_back(group->label);
  Table differing = words_table(header);
  for (const std::string& key : keys) {
    std::vector<std::string> values;
    for (const LaunchGroup* group : groups) values.push_back(group->any().setting(key));
    if (std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end()) continue;
    std::vector<Cell>& row = differing.rows.emplace_back(std::vector<Cell>{key});
    row.insert(row.end(), values.begin(), values.end());
  }
  if (differing.rows.empty())
    html.paragraph("The configurations of all groups are equal.");
  else
    html.text_table(differing);
  for (const LaunchGroup* group : groups) {
    std::string text = "# as it was run, by the configuration in the run's folder\n" +
                       command_of(group->any()) + "\n\n# every key, defaults filled in\n";
    for (const auto& [key, value] : group->any().settings) text += key + ": " + one_line(value) + "\n";
    html.folded(fmt::format("{}: command and all keys", group->label), text);
  }
  for (const PictureInput& input : report.inputs)
    for (const GroupDetail& group : input.groups)
      if (const RunDetail* run = group.typical(); run && !run->config_given.empty())
        html.folded(fmt::format("{}: the configuration as given", group.summary->group->label),
                    run->config_given);
}

// Different values of the ranks, in order, each once.
std::string each_once(const std::vector<RankEnvironment>& ranks, std::string RankEnvironment::*member) {
  std::string out;
  std::set<std::string> seen;
  for (const RankEnvironment& rank : ranks)
    if (!(rank.*member).empty() && seen.insert(rank.*member).second)
      out += (out.empty() ? "" : ", ") + rank.*member;
  return out;
}

void add_environment(HtmlWriter& html, const HtmlReport& report) {
  html.heading("Environment");
  std::set<std::string> names;
  each_group(report.analysis, [&](const WorkloadSummary&, const GroupSummary& s) {
    for (const auto& [name, value] : s.group->any().environment) names.insert(name);
  });
  std::vector<std::string> header = {"group", "fingerprint", "hosts", "devices", "processors", "threads"};
  header.insert(header.end(), names.begin(), names.end());
  Table table = words_table(header);
  for (const PictureInput& input : report.inputs) {
    for (const GroupDetail& group : input.groups) {
      const Launch& launch = group.summary->group->any();
      const RunDetail* run = group.typical();
      const std::vector<RankEnvironment> none, &places = run ? run->places : none;
      std::vector<Cell> row = {group.summary->group->label,
                               launch.fingerprint,
                               each_once(places, &RankEnvironment::host),
                               each_once(places, &RankEnvironment::device),
                               each_once(places, &RankEnvironment::cpu),
                               launch.threads};
      for (const std::string& name : names) {
        const auto found = launch.environment.find(name);
        row.emplace_back(found == launch.environment.end() ? "" : found->second);
      }
      table.rows.push_back(std::move(row));
    }
  }
  html.text_table(table);
}

// A row a rank of each group's typical run; nothing for files of versions that did not record it.
void add_binding(HtmlWriter& html, const HtmlReport& report) {
  Table table = words_table({"group", "rank", "host", "cores", "NUMA nodes", "last-level caches", "threads",
                             "each on cores", "data threads", "on cores", "node"});
  for (const PictureInput& input : report.inputs)
    for (const GroupDetail& group : input.groups) {
      const RunDetail* run = group.typical();
      for (std::size_t r = 0; run && r < run->places.size(); ++r) {
        const RankEnvironment& e = run->places[r];
        if (!e.machine.empty())
          table.rows.push_back({group.summary->group->label, static_cast<std::int64_t>(r), e.host,
                                e.cores_bound, e.numa_nodes, e.caches, e.threads, e.thread_cores,
                                e.loader_threads, e.loader_cores, e.machine});
      }
    }
  if (!table.rows.empty()) html.folded({"Binding: where ranks and threads may run", {}, {table}, {}});
}

// Of rank 0 of each group's typical run.
void add_variables(HtmlWriter& html, const HtmlReport& report) {
  for (const PictureInput& input : report.inputs)
    for (const GroupDetail& group : input.groups)
      if (const RunDetail* run = group.typical();
          run && !run->places.empty() && !run->places[0].variables.empty())
        html.folded(
            fmt::format("{}: variables of the environment that steer libraries", group.summary->group->label),
            run->places[0].variables);
}

void add_runs(HtmlWriter& html, const Analysis& analysis) {
  html.heading("Runs");
  Table table = words_table({"run", "uuid", "mode", "ranks", "seed", "started", "status", "used"});
  for (const Launch& l : analysis.runs.launches)
    table.rows.push_back({l.path, l.header.uuid, l.header.mode, l.ranks, l.setting("run.seed"),
                          l.header.started, l.header.status, l.usable() ? "yes" : "no"});
  html.text_table(table);
  if (analysis.runs.unreadable.empty()) return;
  html.paragraph("Files that could not be read, and are left out:");
  html.items(analysis.runs.unreadable);
}

std::string contents_of(const HtmlWriter& html) {
  std::string out = "<nav aria-label=\"contents\">";
  for (const HtmlWriter::Anchor& a : html.anchors())
    out += fmt::format("<a href=\"#{}\">{}</a> ", a.id, html_escaped(a.text));
  return out + "</nav>\n";
}

}  // namespace

std::string render_html(const HtmlReport& report) {
  const Analysis& analysis = report.analysis;
  const Page summary = summary_page(analysis);
  HtmlWriter top(hovers_of(analysis)), html(hovers_of(analysis));
  add_verdict(html, summary);
  add_pictures(html, report);
  html.body(summary);
  if (!report.pages.empty()) html.heading("In detail");
  for (const Page& page : report.pages) html.folded(page);
  add_all_numbers(html, analysis);
  add_configurations(html, report);
  add_environment(html, report);
  add_binding(html, report);
  add_variables(html, report);
  add_runs(html, analysis);
  top.title(summary.title);
  top.element("p", fmt::format("Report of analyze {} ({})", provenance().version, provenance().commit),
              " class=\"meta\"");
  return fmt::format(fmt::runtime(kReportPage), fmt::arg("theme", report.dark ? " data-theme=\"dark\"" : ""),
                     fmt::arg("title", html_escaped(summary.title)), fmt::arg("style", kReportStyle),
                     fmt::arg("top", top.str()), fmt::arg("contents", contents_of(html)),
                     fmt::arg("body", html.str()), fmt::arg("script", kReportScript));
}

}  // namespace lockstep
