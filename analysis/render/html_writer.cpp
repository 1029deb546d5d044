#include "analysis/render/html_writer.hpp"

#include <fmt/format.h>

#include "analysis/render/escape.hpp"
#include "analysis/tables/metric_definitions.hpp"

namespace lockstep {

namespace {

std::string joined(const std::string& a, const std::string& b) {
  return a.empty() || b.empty() ? a + b : a + "\n" + b;
}

// By the name that a column has, else by its header.
std::string definition_of(const TextTable& table, std::size_t column) {
  if (column >= table.header.size()) return "";
  const std::string named = column < table.metrics.size() ? metric_definition(table.metrics[column]) : "";
  return named.empty() ? metric_definition(metric_of_header(table.header[column])) : named;
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

HtmlWriter& HtmlWriter::heading(const std::string& text) {
  anchors_.push_back({fmt::format("s{}", anchors_.size() + 1), text});
  return element("h2", text, fmt::format(" id=\"{}\"", anchors_.back().id));
}

HtmlWriter& HtmlWriter::items(const std::vector<std::string>& lines) {
  raw("<ul class=\"findings\">\n");
  for (const std::string& line : lines) element("li", line);
  return raw("</ul>\n");
}

void HtmlWriter::open_table(const TextTable& table, const char* cell_class) {
  raw("<div class=\"scroll\"><table>\n<thead><tr>");
  for (std::size_t c = 0; c < table.header.size(); ++c) {
    const std::string& header = table.header[c];
    raw(fmt::format("<th scope=\"col\"{}{}><button type=\"button\">{}</button></th>",
                    class_attribute(cell_class), title_attribute(definition_of(table, c)),
                    header.empty() ? "&#8203;group" : html_escaped(header)));
  }
  raw("</tr></thead>\n<tbody>\n");
}

void HtmlWriter::row(const TextTable& table, const TextTable::Row& row, const char* cell_class) {
  const auto runs = hovers_.rows.find(row.cells.empty() ? "" : row.cells.front());
  const std::string of_runs = runs == hovers_.rows.end() ? "" : runs->second;
  raw("<tr>");
  for (std::size_t c = 0; c < row.cells.size(); ++c) {
    const std::string about = c == 0 ? "" : definition_of(table, c);
    raw(fmt::format("<td{}{}>{}</td>", class_attribute(cell_class), title_attribute(joined(about, of_runs)),
                    html_escaped(row.cells[c])));
  }
  if (const std::size_t left = table.header.size() - std::min(table.header.size(), row.cells.size());
      !row.rest.empty() && left > 0)
    raw(fmt::format("<td class=\"text\" colspan=\"{}\">{}</td>", left, html_escaped(row.rest)));
  raw("</tr>\n");
}

HtmlWriter& HtmlWriter::table(const TextTable& table) {
  open_table(table, "");
  for (const TextTable::Row& r : table.rows) row(table, r, "");
  return raw("</tbody></table></div>\n");
}

HtmlWriter& HtmlWriter::text_table(const TextTable& table) {
  open_table(table, "text");
  for (const TextTable::Row& r : table.rows) row(table, r, "text");
  return raw("</tbody></table></div>\n");
}

HtmlWriter& HtmlWriter::block(const Block& block) {
  switch (block.kind) {
    case Block::Kind::title:
    case Block::Kind::heading:
      return heading(block.lines[0]);
    case Block::Kind::text:
      return paragraph(block.lines[0]);
    case Block::Kind::items:
      return items(block.lines);
    case Block::Kind::table:
      return table(block.table);
  }
  return *this;
}

HtmlWriter& HtmlWriter::folded(const std::string& summary, const std::string& text) {
  raw("<details>").element("summary", summary);
  return element("pre", text).raw("</details>\n");
}

}  // namespace lockstep
