#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analysis/checks/rules.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

namespace {

std::string codes_of(const Launch& launch) {
  std::string codes;
  for (const Finding& finding : launch.findings)
    codes += fmt::format("{}{}", codes.empty() ? "" : ", ", finding.rule->code);
  return codes.empty() ? "good" : codes;
}

Table runs_table(const Analysis& analysis) {
  Table table{"runs",
              "Runs",
              {{"path", "", ""},
               {"status", "", "status"},
               {"seed", "", "seed"},
               {"used", "", "used"},
               {"findings", "", "findings"}},
              {}};
  for (const Launch& launch : analysis.runs.launches)
    table.rows.push_back({launch.path, launch.header.status, launch.setting("run.seed"),
                          std::string(launch.usable() ? "yes" : "no"), codes_of(launch)});
  return table;
}

const char* refuses(const Rule& rule) {
  switch (rule.refuses) {
    case Claim::nothing:
      return "warning";
    case Claim::whole_run:
      return "the whole run";
    case Claim::speedup:
      return "the speedup";
    case Claim::budget:
      return "the budget";
    case Claim::amdahl:
      return "the Amdahl share";
    case Claim::usl:
      return "the scaling law";
    case Claim::waiting:
      return "waiting";
  }
  return "";
}

// Every rule, and what it was found in.
Table checks_table(const Analysis& analysis) {
  Table table{"checks",
              "Checks",
              {{"code", "", ""},
               {"refuses", "", "refuses"},
               {"found", "1", "found"},
               {"first", "", "first found in"}},
              {}};
  std::map<const Rule*, std::vector<std::string>> found;
  for (const ReportedFinding& f : all_findings(analysis)) found[f.finding->rule].push_back(f.subject);
  for (const Rule& rule : rules()) {
    const std::vector<std::string>& subjects = found[&rule];
    table.rows.push_back({std::string(rule.code), std::string(refuses(rule)),
                          std::int64_t{std::ssize(subjects)},
                          subjects.empty() ? Cell() : Cell(subjects.front())});
  }
  return table;
}

std::vector<std::string> sentences(const Analysis& analysis) {
  std::vector<std::string> lines;
  for (const ReportedFinding& f : all_findings(analysis)) {
    std::string line = fmt::format("[{}] {}: {}", f.finding->rule->code, f.subject, f.finding->sentence);
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(std::move(line));
  }
  for (const std::string& unreadable : analysis.runs.unreadable) lines.push_back("unreadable: " + unreadable);
  return lines;
}

}  // namespace

Page validate_page(const Analysis& analysis, const PageOptions&) {
  const auto& launches = analysis.runs.launches;
  const auto used =
      std::count_if(launches.begin(), launches.end(), [](const Launch& l) { return l.usable(); });
  return {"Validation: " + size_of(analysis),
          {fmt::format("{} of {} runs can be used, {} cannot be read; {}.", used, launches.size(),
                       analysis.runs.unreadable.size(),
                       has_refusal(analysis) ? "claims are refused" : "no claim is refused")},
          {runs_table(analysis), checks_table(analysis)},
          sentences(analysis)};
}

}  // namespace lockstep
