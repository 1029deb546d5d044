#include "analysis/render/html.hpp"

#include <fmt/format.h>

#include <set>

#include "analysis/render/escape.hpp"
#include "analysis/render/html_parts.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/summary.hpp"
#include "base/provenance.hpp"

namespace lockstep {

// Made by CMake from the files of report/.
extern const char *const kReportPage, *const kReportStyle, *const kReportScript, *const kReportPictures;

namespace {

std::string contents_of(const std::vector<HtmlSection>& sections) {
  std::string out = "<nav aria-label=\"sections\">";
  for (const HtmlSection& section : sections)
    out += fmt::format("<a href=\"#{}\">{}</a> ", section.id, section.title);
  return out + "</nav>\n";
}

}  // namespace

GroupNumbers group_numbers(const Analysis& analysis) {
  GroupNumbers numbers;
  std::size_t next = 0;
  each_group(analysis, [&](const WorkloadSummary& workload, const GroupSummary& s) {
    const std::string number = std::to_string(next++), &label = s.group->label;
    for (const std::string& name : std::set<std::string>{label, subject(analysis, workload, label)}) {
      std::string& known = numbers[name];
      known += (known.empty() ? "" : " ") + number;
    }
  });
  return numbers;
}

std::string render_html(const HtmlReport& report) {
  const Analysis& analysis = report.analysis;
  const Page summary = summary_page(analysis, report.options);
  HtmlWriter top(group_numbers(analysis)), html(group_numbers(analysis));
  add_answer(top, report, overviews_of(analysis, report.options), summary);
  const std::vector<HtmlSection> sections = add_sections(html, report, summary);
  const std::string made = fmt::format("Report of analyze {} ({}): {}", provenance().version,
                                       provenance().commit, size_of(analysis));
  return fmt::format(fmt::runtime(kReportPage), fmt::arg("theme", report.dark ? " data-theme=\"dark\"" : ""),
                     fmt::arg("title", html_escaped(summary.title)), fmt::arg("style", kReportStyle),
                     fmt::arg("top", top.str()), fmt::arg("contents", contents_of(sections)),
                     fmt::arg("body", html.str()), fmt::arg("made", html_escaped(made)),
                     fmt::arg("script", kReportScript), fmt::arg("pictures", kReportPictures));
}

}  // namespace lockstep
