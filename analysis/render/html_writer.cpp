#include "analysis/render/html_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "analysis/render/escape.hpp"

namespace lockstep {

namespace {

std::string class_attribute(const char* name) { return *name ? fmt::format(" class=\"{}\"", name) : ""; }

// Where a word stands by itself; npos: nowhere.
std::size_t whole_word(const std::string& text, const std::string& word) {
  const auto in_word = [&](std::size_t at) {
    return at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_');
  };
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    if ((at == 0 || !in_word(at - 1)) && !in_word(at + word.size())) return at;
  return std::string::npos;
}

}  // namespace

std::string title_attribute(const std::string& text) {
  return text.empty() ? "" : fmt::format(" title=\"{}\"", html_escaped(text));
}

HtmlWriter& HtmlWriter::element(const std::string& name, const std::string& text,
                                const std::string& attributes) {
  return raw(fmt::format("<{0}{1}>{2}</{0}>\n", name, attributes, html_escaped(text)));
}

void HtmlWriter::heading(const std::string& text) { raw("<h3>" + linked(text) + "</h3>\n"); }

std::string HtmlWriter::linked(const std::string& text) {
  for (const GlossaryTerm& term : kGlossary) {
    const std::size_t at = linked_.contains(term.metric) ? std::string::npos : whole_word(text, term.word);
    if (at == std::string::npos) continue;
    linked_.insert(term.metric);
    const std::size_t end = at + std::string_view(term.word).size();
    return html_sentence(text.substr(0, at)) +
           fmt::format("<a class=\"term\" href=\"#def-{}\">{}</a>", term.metric, term.word) +
           linked(text.substr(end));
  }
  return html_sentence(text);
}

// A header is a button, which can hold no link.
std::string HtmlWriter::link_beside(const std::string& header) {
  for (const GlossaryTerm& term : kGlossary)
    if (whole_word(header, term.word) != std::string::npos && linked_.insert(term.metric).second)
      return fmt::format("<a class=\"term\" href=\"#def-{}\" aria-label=\"what {} is\">?</a>", term.metric,
                         term.word);
  return "";
}

std::string HtmlWriter::group_attribute(const std::string& label) const {
  const auto known = groups_.find(label);
  return known == groups_.end() ? "" : fmt::format(" data-g=\"{}\"", known->second);
}

void HtmlWriter::items(const std::vector<std::string>& lines) {
  raw("<ul class=\"findings\">\n");
  for (const std::string& line : lines) raw("<li>" + linked(line) + "</li>\n");
  raw("</ul>\n");
}

void HtmlWriter::row(const ShownTable& table, const ShownTable::Row& row, const char* cell_class) {
  raw(fmt::format("<tr{}>", group_attribute(row.cells.empty() ? "" : row.cells.front())));
  for (const std::string& cell : row.cells)
    raw(fmt::format("<td{}>{}</td>", class_attribute(cell_class), html_escaped(cell)));
  if (const std::size_t left = table.header.size() - std::min(table.header.size(), row.cells.size());
      !row.rest.empty() && left > 0)
    raw(fmt::format("<td class=\"text\" colspan=\"{}\">{}</td>", left, html_escaped(row.rest)));
  raw("</tr>\n");
}

void HtmlWriter::table_of_class(const ShownTable& table, const char* cell_class) {
  raw("<div class=\"scroll\"><table>\n<thead><tr>");
  for (std::size_t c = 0; c < table.header.size(); ++c) {
    const std::string& header = table.header[c];
    raw(fmt::format("<th scope=\"col\"{}{}><button type=\"button\">{}</button>{}</th>",
                    class_attribute(cell_class), title_attribute(table.definitions[c]),
                    header.empty() ? "configuration" : html_escaped(header), link_beside(header)));
  }
  raw("</tr></thead>\n<tbody>\n");
  for (const ShownTable::Row& r : table.rows) row(table, r, cell_class);
  raw("</tbody></table></div>\n");
}

void HtmlWriter::folded(const Page& page) {
  raw("<details><summary>" + linked(page.title) + "</summary>\n");
  for (const std::string& sentence : page.lead) paragraph(sentence);
  body(page);
  raw("</details>\n");
}

void HtmlWriter::folded(const std::string& summary, const std::string& text) {
  raw("<details>").element("summary", summary);
  element("pre", text).raw("</details>\n");
}

}  // namespace lockstep
