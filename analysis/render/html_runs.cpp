// What was run: runs by configuration, commands and keys, environment; and what the numbers mean.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "analysis/quantities/numbers.hpp"
#include "analysis/render/escape.hpp"
#include "analysis/render/html_parts.hpp"
#include "analysis/tables/definitions.hpp"
#include "analysis/tables/group_table.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kFoldedRuns = 30;  // from so many on, the runs of a configuration are folded

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
  if (launch.is_sequential()) return "train_seq --config " + config;
  return fmt::format("mpirun -np {} {} --config {}", launch.ranks,
                     launch.shares_batches() ? "train_ddp" : "train_mp", config);
}

std::vector<NamedGroup> all_groups(const Analysis& analysis) {
  return groups_of(analysis, [](const GroupSummary&) { return true; });
}

void add_run(HtmlWriter& html, const Launch& launch, const std::string& attributes) {
  html.raw("<tr class=\"run\"" + attributes + ">");
  for (const std::string& text :
       {launch.path, launch.header.uuid, launch.header.mode, std::to_string(launch.ranks),
        launch.setting("run.seed"), launch.header.started, launch.header.status,
        std::string(launch.usable() ? "yes" : "no")})
    html.raw("<td class=\"text\">" + html_escaped(text) + "</td>");
  html.raw("</tr>\n");
}

// A body a configuration, whose first row names it and folds the others.
void add_runs(HtmlWriter& html, const Analysis& analysis) {
  html.raw("<div class=\"scroll\"><table class=\"runs\"><thead><tr>");
  for (const char* header : {"run", "uuid", "mode", "ranks", "seed", "started", "status", "used"})
    html.raw(fmt::format("<th scope=\"col\" class=\"text\">{}</th>", header));
  html.raw("</tr></thead>\n");
  const bool folded = analysis.runs.launches.size() > kFoldedRuns;
  for (const NamedGroup& named : all_groups(analysis)) {
    const LaunchGroup& group = *named.summary->group;
    const std::string attributes = html.group_attribute(named.name);
    html.raw(fmt::format(
        "<tbody{}><tr class=\"fold-row\"><th scope=\"rowgroup\" colspan=\"8\"><button type=\"button\" "
        "class=\"fold\" aria-expanded=\"{}\">{}</button> <small>{} launches</small></th></tr>\n",
        folded ? " class=\"folded\"" : "", !folded, html_escaped(named.name),
        group.launches.size() + group.left_out.size()));
    for (const auto* launches : {&group.launches, &group.left_out})
      for (const Launch* launch : *launches) add_run(html, *launch, attributes);
    html.raw("</tbody>\n");
  }
  html.raw("</table></div>\n");
  if (analysis.runs.unreadable.empty()) return;
  html.paragraph("Files that could not be read and are left out:");
  html.items(analysis.runs.unreadable);
}

// The keys in which the configurations differ, a row a configuration; those that all share, once.
void add_configurations(HtmlWriter& html, const HtmlReport& report) {
  html.heading("Commands and configurations");
  const std::vector<NamedGroup> groups = all_groups(report.analysis);
  std::set<std::string> keys;
  for (const NamedGroup& group : groups)
    for (const auto& [key, value] : group.summary->group->any().settings)
      if (!ignored_setting(key)) keys.insert(key);
  std::vector<std::string> differing, header = {""};
  std::string shared;
  for (const std::string& key : keys) {
    const auto value_of = [&](const NamedGroup& group) { return group.summary->group->any().setting(key); };
    const std::string first = value_of(groups.front());
    if (std::all_of(groups.begin(), groups.end(), [&](const NamedGroup& g) { return value_of(g) == first; }))
      shared += key + ": " + one_line(first) + "\n";
    else
      differing.push_back(key);
  }
  header.insert(header.end(), differing.begin(), differing.end());
  header.emplace_back("command");
  Table table = words_table(header);
  for (const NamedGroup& group : groups) {
    std::vector<Cell>& row = table.rows.emplace_back(std::vector<Cell>{group.name});
    for (const std::string& key : differing) row.emplace_back(group.summary->group->any().setting(key));
    row.emplace_back(command_of(group.summary->group->any()));
  }
  html.text_table(table);
  html.folded("keys that all configurations share, defaults filled in", shared);
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
  std::vector<std::string> header = {"", "fingerprint", "hosts", "devices", "processors", "threads"};
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
  for (const PictureInput& input : report.inputs)
    if (!input.left_out.empty()) html.paragraph("Listed like the pictures: " + input.left_out);
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
            fmt::format("{}: environment variables that affect libraries", group.summary->group->label),
            run->places[0].variables);
}

}  // namespace

void add_what_was_run(HtmlWriter& html, const HtmlReport& report) {
  add_runs(html, report.analysis);
  for (const HtmlReport::VerbPage& page : report.pages)
    if (page.verb == "validate") html.folded(page.page);
  if (report.analysis.runs.launches.empty()) return;
  add_configurations(html, report);
  add_environment(html, report);
  add_binding(html, report);
  add_variables(html, report);
}

// Every metric of every group with its definition: a row a metric, a column a group.
void add_definitions(HtmlWriter& html, const HtmlReport& report) {
  const Analysis& analysis = report.analysis;
  const std::vector<NamedGroup> groups = all_groups(analysis);
  const std::size_t shown = std::min(groups.size(), kPictureGroups);
  html.element(
      "p",
      "Every metric, what it means, and its value for each configuration. Times in seconds, shares from 0 to 1; "
      "docs/metrics.md derives them.",
      " class=\"note\"");
  if (shown < groups.size())
    html.element("p",
                 fmt::format("Values of the first {} of {} configurations; summary.csv has all.", shown,
                             groups.size()),
                 " class=\"note\"");
  html.raw(
      "<div class=\"scroll\"><table class=\"metrics\">\n<thead><tr><th>metric</th><th class=\"text\">meaning</th>");
  for (std::size_t g = 0; g < shown; ++g)
    html.raw(
        fmt::format("<th{}>{}</th>", html.group_attribute(groups[g].name), html_escaped(groups[g].name)));
  html.raw("</tr></thead>\n<tbody>\n");
  const Table table = flattened(groups_table(analysis));
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const std::string& key = table.columns[c].key;
    html.raw(fmt::format("<tr id=\"def-{0}\"><td>{0}</td><td class=\"text\">{1}</td>", html_escaped(key),
                         html_escaped(meaning_of(key))));
    for (std::size_t r = 0; r < shown; ++r)
      html.raw(fmt::format("<td>{}</td>", html_escaped(std::visit(CellText(), table.rows[r][c]))));
    html.raw("</tr>\n");
  }
  html.raw("</tbody></table></div>\n");
}

}  // namespace lockstep
