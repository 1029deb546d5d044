#include "analysis/render/html_writer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/render/escape.hpp"

namespace lockstep {

namespace {

std::string joined(const std::string& a, const std::string& b) {
  return a.empty() || b.empty() ? a + b : a + "\n" + b;
}

std::string class_attribute(const char* name) { return *name ? fmt::format(" class=\"{}\"", name) : ""; }

}  // namespace

std::string title_attribute(const std::string& text) {
  return text.empty() ? "" : fmt::format(" title=\"{}\"", html_escaped(text));
}

HtmlWriter& HtmlWriter::element(const std::string& name, const std::string& text,
                                const std::string& attributes) {
  return raw(fmt::format("<{0}{1}>{2}</{0}>\n", name, attributes, html_escaped(text)));
}

void HtmlWriter::heading(const std::string& text) {
  if (in_folded_) {
    element("h3", text);
    return;
  }
  anchors_.push_back({fmt::format("s{}", anchors_.size() + 1), text});
  element("h2", text, fmt::format(" id=\"{}\"", anchors_.back().id));
}

void HtmlWriter::items(const std::vector<std::string>& lines) {
  raw("<ul class=\"findings\">\n");
  for (const std::string& line : lines) element("li", line);
  raw("</ul>\n");
}

void HtmlWriter::row(const ShownTable& table, const ShownTable::Row& row, const char* cell_class) {
  const auto runs = hovers_.rows.find(row.cells.empty() ? "" : row.cells.front());
  const std::string of_runs = runs == hovers_.rows.end() ? "" : runs->second;
  raw("<tr>");
  for (std::size_t c = 0; c < row.cells.size(); ++c) {
    const std::string about = c == 0 ? "" : table.definitions[c];
    raw(fmt::format("<td{}{}>{}</td>", class_attribute(cell_class), title_attribute(joined(about, of_runs)),
                    html_escaped(row.cells[c])));
  }
  if (const std::size_t left = table.header.size() - std::min(table.header.size(), row.cells.size());
      !row.rest.empty() && left > 0)
    raw(fmt::format("<td class=\"text\" colspan=\"{}\">{}</td>", left, html_escaped(row.rest)));
  raw("</tr>\n");
}

void HtmlWriter::table_of_class(const ShownTable& table, const char* cell_class) {
  raw("<div class=\"scroll\"><table>\n<thead><tr>");
  for (std::size_t c = 0; c < table.header.size(); ++c) {
    const std::string& header = table.header[c];
    raw(fmt::format("<th scope=\"col\"{}{}><button type=\"button\">{}</button></th>",
                    class_attribute(cell_class), title_attribute(table.definitions[c]),
                    header.empty() ? "&#8203;group" : html_escaped(header)));
  }
  raw("</tr></thead>\n<tbody>\n");
  for (const ShownTable::Row& r : table.rows) row(table, r, cell_class);
  raw("</tbody></table></div>\n");
}

void HtmlWriter::folded(const Page& page) {
  raw("<details>").element("summary", page.title);
  in_folded_ = true;
  for (const std::string& sentence : page.lead) paragraph(sentence);
  body(page);
  in_folded_ = false;
  raw("</details>\n");
}

void HtmlWriter::folded(const std::string& summary, const std::string& text) {
  raw("<details>").element("summary", summary);
  element("pre", text).raw("</details>\n");
}

}  // namespace lockstep
