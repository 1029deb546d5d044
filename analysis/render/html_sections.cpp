// The sections of the page: which pictures, tables and pages of verbs stand where.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "analysis/render/escape.hpp"
#include "analysis/render/html_parts.hpp"

namespace lockstep {

namespace {

struct SectionContent {
  HtmlSection section;
  std::array<const char*, 5> tables;  // keys of the summary's
  std::array<const char*, 3> verbs;
};
constexpr SectionContent kSections[] = {
    {{"scaling", "Scaling"}, {"speedups"}, {"scaling", "predict", "advise"}},
    {{"time", "Time"}, {"times", "budget", "lost", "lost_seconds", "gpus"}, {"budget"}},
    {{"communication", "Communication"}, {"communication", "reductions", "ratios"}, {"overlap", "bandwidth"}},
    {{"ranks", "Ranks"}, {"waiting", "pop"}, {"pop"}},
    {{"pipeline", "Pipeline"}, {}, {"pipeline"}},
    {{"learning", "Learning"}, {"learned", "quality"}, {"convergence"}},
};

template <std::size_t N>
bool among(const std::array<const char*, N>& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(), [&](const char* n) { return n && name == n; });
}

void add_picture(HtmlWriter& html, const DrawnPicture& picture) {
  const bool wide = picture.figure.width > 700 || picture.figure.zoomable;
  html.raw(wide ? "<figure class=\"wide\">\n" : "<figure>\n")
      .raw("<h3>" + html_escaped(picture.title) + "</h3>\n");
  html.raw("<div class=\"scroll\">" + inline_svg(picture.figure, picture.title, html.groups()) + "</div>\n");
  html.element("figcaption", picture.caption).raw("</figure>\n");
}

// Those of all configurations beside each other; those of one each folded, but the first.
void add_pictures(HtmlWriter& html, const HtmlReport& report, const std::string& section) {
  std::string kind;
  html.raw("<div class=\"figures\">\n");
  for (const DrawnPicture& picture : report.pictures)
    if (picture.section == section && !picture.of_one_group) add_picture(html, picture);
  html.raw("</div>\n");
  for (const DrawnPicture& picture : report.pictures) {
    if (picture.section != section || !picture.of_one_group) continue;
    const std::string this_kind = picture.title.substr(0, picture.title.rfind(": "));
    html.raw(this_kind == kind ? "<details>" : "<details open>").element("summary", picture.title);
    add_picture(html, picture);
    html.raw("</details>\n");
    kind = this_kind;
  }
}

std::vector<const HtmlReport::VerbPage*> pages_of(const HtmlReport& report, const SectionContent& content) {
  std::vector<const HtmlReport::VerbPage*> pages;
  for (const HtmlReport::VerbPage& page : report.pages)
    if (among(content.verbs, page.verb) && (!page.page.tables.empty() || page.verb == "advise"))
      pages.push_back(&page);
  return pages;
}

bool has_rows(const Page& page) {
  return std::any_of(page.tables.begin(), page.tables.end(), [](const Table& t) { return !t.rows.empty(); });
}

bool is_empty(const HtmlReport& report, const Page& summary, const SectionContent& content) {
  for (const DrawnPicture& picture : report.pictures)
    if (picture.section == content.section.id) return false;
  for (const Table& table : summary.tables)
    if (among(content.tables, table.key)) return false;
  const auto pages = pages_of(report, content);
  return std::none_of(pages.begin(), pages.end(), [](const auto* page) { return has_rows(page->page); });
}

void add_section(HtmlWriter& html, const HtmlReport& report, const Page& summary,
                 const SectionContent& content) {
  add_pictures(html, report, content.section.id);
  std::vector<Table> tables;
  for (const Table& table : summary.tables)
    if (among(content.tables, table.key)) tables.push_back(table);
  html.tables(tables);
  for (const HtmlReport::VerbPage* page : pages_of(report, content)) html.folded(page->page);
}

void begin(HtmlWriter& html, const HtmlSection& section) {
  html.raw(fmt::format("<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">{1}</h2>\n",
                       section.id, section.title));
}

}  // namespace

std::vector<HtmlSection> add_sections(HtmlWriter& html, const HtmlReport& report, const Page& summary) {
  std::vector<HtmlSection> sections;
  for (const SectionContent& content : kSections) {
    if (is_empty(report, summary, content)) continue;
    begin(html, sections.emplace_back(content.section));
    add_section(html, report, summary, content);
    html.raw("</section>\n");
  }
  begin(html, sections.emplace_back(HtmlSection{"runs", "Runs"}));
  add_what_was_run(html, report);
  html.raw("</section>\n");
  begin(html, sections.emplace_back(HtmlSection{"method", "Method"}));
  add_definitions(html, report);
  html.raw("</section>\n");
  return sections;
}

}  // namespace lockstep
