#include "analysis/render/html.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "analysis/advice/verdict.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/render/escape.hpp"
#include "analysis/render/html_assets.hpp"
#include "analysis/render/html_writer.hpp"
#include "analysis/tables/metric_columns.hpp"
#include "analysis/tables/metric_definitions.hpp"
#include "analysis/tables/sections.hpp"
#include "base/provenance.hpp"

namespace lockstep {

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

void add_verdict(HtmlWriter& html, const Analysis& analysis) {
  html.heading("Verdict").raw("<div class=\"verdict\">\n");
  for (const std::string& sentence : verdict(analysis)) html.paragraph(sentence);
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

// The sections that the terminal shows; the verdict and the title already stand above.
void add_sections(HtmlWriter& html, const Analysis& analysis) {
  bool skip = false;
  for (const Block& block : summary_document(analysis).blocks) {
    if (block.kind == Block::Kind::heading) skip = block.lines[0] == "Verdict";
    if (!skip && block.kind != Block::Kind::title) html.block(block);
  }
}

struct ValueText {
  std::string operator()(std::monostate) const { return "-"; }
  std::string operator()(double value) const { return number(value); }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(const std::string& text) const { return text; }
  std::string operator()(const Refused& refused) const { return "refused [" + refused.code + "]"; }
};

// The pages of the verbs, folded.
void add_pages(HtmlWriter& html, const std::vector<Document>& pages) {
  if (pages.empty()) return;
  html.heading("In detail");
  for (const Document& page : pages) {
    html.raw("<details>");
    for (const Block& block : page.blocks) {
      if (block.kind == Block::Kind::title)
        html.element("summary", block.lines[0]);
      else if (block.kind == Block::Kind::heading)
        html.element("h3", block.lines[0]);
      else
        html.block(block);
    }
    html.raw("</details>\n");
  }
}

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
  each_group(analysis, [&](const WorkloadSummary&, const GroupSummary& s) {
    html.raw(fmt::format("<th{}>{}</th>", title_attribute(runs_of(*s.group)), html_escaped(s.group->label)));
  });
  html.raw("</tr></thead>\n<tbody>\n");
  for (const MetricColumn& column : metric_columns()) {
    const std::string about = metric_definition(column.name);
    html.raw(fmt::format("<tr><td{}>{}</td><td>{}</td>", title_attribute(about), html_escaped(column.name),
                         html_escaped(column.unit)));
    each_group(analysis, [&](const WorkloadSummary& w, const GroupSummary& s) {
      html.raw(fmt::format("<td{}>{}</td>", title_attribute(about + "\n" + runs_of(*s.group)),
                           html_escaped(std::visit(ValueText(), column.get(w, s)))));
    });
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
  TextTable differing{{"key"}, {}};
  for (const LaunchGroup* group : groups) differing.header.push_back(group->label);
  for (const std::string& key : keys) {
    TextTable::Row row{{key}, ""};
    for (const LaunchGroup* group : groups) row.cells.push_back(group->any().setting(key));
    if (std::adjacent_find(row.cells.begin() + 1, row.cells.end(), std::not_equal_to<>()) != row.cells.end())
      differing.rows.push_back(std::move(row));
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
  TextTable table{{"group", "fingerprint", "hosts", "devices", "processors", "threads"}, {}};
  table.header.insert(table.header.end(), names.begin(), names.end());
  for (const PictureInput& input : report.inputs) {
    for (const GroupDetail& group : input.groups) {
      const Launch& launch = group.summary->group->any();
      const RunDetail* run = group.typical();
      const std::vector<RankEnvironment> none, &places = run ? run->places : none;
      TextTable::Row row{
          {group.summary->group->label, launch.fingerprint, each_once(places, &RankEnvironment::host),
           each_once(places, &RankEnvironment::device), each_once(places, &RankEnvironment::cpu),
           std::to_string(launch.threads)},
          ""};
      for (const std::string& name : names) {
        const auto found = launch.environment.find(name);
        row.cells.push_back(found == launch.environment.end() ? "" : found->second);
      }
      table.rows.push_back(std::move(row));
    }
  }
  html.text_table(table);
}

void add_runs(HtmlWriter& html, const Analysis& analysis) {
  html.heading("Runs");
  TextTable table{{"run", "uuid", "mode", "ranks", "seed", "started", "status", "used"}, {}};
  for (const Launch& l : analysis.runs.launches)
    table.rows.push_back(
        {{l.path, l.header.uuid, l.header.mode, std::to_string(l.ranks), l.setting("run.seed"),
          l.header.started, l.header.status, l.usable() ? "yes" : "no"},
         ""});
  html.text_table(table);
  if (analysis.runs.unreadable.empty()) return;
  html.paragraph("Files that could not be read, and are left out:").items(analysis.runs.unreadable);
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
  HtmlWriter top(hovers_of(analysis)), html(hovers_of(analysis));
  add_verdict(html, analysis);
  add_pictures(html, report);
  add_sections(html, analysis);
  add_pages(html, report.pages);
  add_all_numbers(html, analysis);
  add_configurations(html, report);
  add_environment(html, report);
  add_runs(html, analysis);
  std::size_t groups = 0;
  each_group(analysis, [&](const WorkloadSummary&, const GroupSummary&) { ++groups; });
  const std::string title =
      fmt::format("{} runs of {} configurations", analysis.runs.launches.size(), groups);
  top.element("h1", title);
  top.element("p", fmt::format("Report of analyze {} ({})", provenance().version, provenance().commit),
              " class=\"meta\"");
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"{}>\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline'\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>{}</style>\n</head>\n"
      "<body>\n{}{}<main>\n{}</main>\n<script>{}</script>\n</body>\n</html>\n",
      report.dark ? " data-theme=\"dark\"" : "", html_escaped(title), kHtmlStyle, top.str(),
      contents_of(html), html.str(), kHtmlScript);
}

}  // namespace lockstep
