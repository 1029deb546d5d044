// The parts of the page, each in its own file: the answer, the sections, and what was run.
#pragma once

#include "analysis/render/html.hpp"
#include "analysis/render/html_writer.hpp"
#include "analysis/render/svg.hpp"
#include "analysis/tables/overview.hpp"

namespace lockstep {

// Numbers of the groups, by label and by subject(); groups of different workloads that share a label stand
// together there.
GroupNumbers group_numbers(const Analysis& analysis);

template <typename Visit>
void each_group(const Analysis& analysis, Visit visit) {
  for (const WorkloadSummary& workload : analysis.summaries)
    for (const GroupSummary& group : workload.groups) visit(workload, group);
}

// html_answer.cpp: headline, why, what next, and the one table of each workload.
void add_answer(HtmlWriter& html, const HtmlReport& report, const std::vector<Overview>& overviews,
                const Page& summary);

// html_sections.cpp
struct HtmlSection {
  const char *id, *title;
};
// Those that have something to show, one after another; returns them in order.
std::vector<HtmlSection> add_sections(HtmlWriter& html, const HtmlReport& report, const Page& summary);

// html_runs.cpp: runs, commands, configurations, environment.
void add_what_was_run(HtmlWriter& html, const HtmlReport& report);
// Every metric of the first groups, and what every metric means.
void add_definitions(HtmlWriter& html, const HtmlReport& report);

}  // namespace lockstep
