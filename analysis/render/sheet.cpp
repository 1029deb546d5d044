#include "analysis/render/sheet.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/quantities/numbers.hpp"
#include "analysis/render/escape.hpp"
#include "analysis/render/json_text.hpp"
#include "analysis/render/tex.hpp"
#include "analysis/render/text.hpp"

namespace lockstep {

namespace {

struct ReadableText {
  double factor;
  std::string operator()(std::monostate) const { return "-"; }
  std::string operator()(const std::string& text) const { return text; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return number(factor * value); }
  std::string operator()(const Estimate& value) const { return with_interval(value, factor); }
  std::string operator()(const NoCells& none) const {
    return none.code.empty() ? none.sentence : fmt::format("refused [{}]: {}", none.code, none.sentence);
  }
};

TextTable text_table(const Sheet& sheet) {
  TextTable table;
  for (const SheetColumn& column : sheet.columns)
    if (column.in_text) {
      table.header.push_back(column.heading);
      table.metrics.push_back(column.key);
    }
  for (const std::vector<Cell>& row : sheet.rows) {
    TextTable::Row& line = table.rows.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!sheet.columns[i].in_text) continue;
      std::string text = std::visit(ReadableText{sheet.columns[i].factor}, row[i]);
      if (std::holds_alternative<NoCells>(row[i]))
        line.rest = std::move(text);
      else
        line.cells.push_back(std::move(text));
    }
  }
  return table;
}

// Columns that hold an estimate somewhere have bounds of an interval in JSON and CSV.
bool has_bounds(const Sheet& sheet, std::size_t column) {
  return std::any_of(sheet.rows.begin(), sheet.rows.end(), [&](const std::vector<Cell>& row) {
    return column < row.size() && std::holds_alternative<Estimate>(row[column]);
  });
}

struct JsonCell {
  JsonText& json;
  const std::string& key;
  void operator()(std::monostate) const { json.key(key).null(); }
  void operator()(const std::string& text) const { json.key(key).text(text); }
  void operator()(std::int64_t value) const { json.key(key).integer(value); }
  void operator()(double value) const { json.key(key).number(value); }
  void operator()(const Estimate& value) const {
    json.key(key).number(value.value);
    if (!value.interval) return;
    json.key(key + "_low").number(value.interval->low);
    json.key(key + "_high").number(value.interval->high);
  }
  void operator()(const NoCells& none) const {
    json.key("refused").text(none.code).key("sentence").text(none.sentence);
  }
};

void list(JsonText& json, const char* key, const std::vector<std::string>& lines) {
  json.key(key).begin_list();
  for (const std::string& line : lines) json.text(line);
  json.end_list();
}

std::string json_of(const Page& page) {
  JsonText json;
  json.begin_object().key("title").text(page.title);
  list(json, "lead", page.lead);
  for (const Sheet& sheet : page.sheets) {
    json.key(sheet.key).begin_list();
    for (const std::vector<Cell>& row : sheet.rows) {
      json.begin_object();
      for (std::size_t i = 0; i < row.size(); ++i) std::visit(JsonCell{json, sheet.columns[i].key}, row[i]);
      json.end_object();
    }
    json.end_list();
  }
  list(json, "notes", page.notes);
  json.key("units").begin_object();
  for (const Sheet& sheet : page.sheets)
    for (const SheetColumn& column : sheet.columns)
      if (!column.unit.empty()) json.key(sheet.key + "." + column.key).text(column.unit);
  return json.end_object().end_object().str() + '\n';
}

struct CsvCell {
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(const std::string& text) const { return csv_field(text); }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return fmt::format("{:.9g}", value); }
  std::string operator()(const Estimate& value) const { return (*this)(value.value); }
  std::string operator()(const NoCells& none) const {
    return csv_field(none.code.empty() ? none.sentence : fmt::format("refused [{}]", none.code));
  }
};

std::string csv_bounds(const Cell& cell) {
  const auto* estimate = std::get_if<Estimate>(&cell);
  if (!estimate || !estimate->interval) return ",,";
  return fmt::format(",{:.9g},{:.9g}", estimate->interval->low, estimate->interval->high);
}

std::string csv_of(const Sheet& sheet) {
  std::string out;
  for (std::size_t i = 0; i < sheet.columns.size(); ++i) {
    const std::string& key = sheet.columns[i].key;
    out += (i == 0 ? "" : ",") + key;
    if (has_bounds(sheet, i)) out += fmt::format(",{0}_low,{0}_high", key);
  }
  out += '\n';
  for (const std::vector<Cell>& row : sheet.rows) {
    for (std::size_t i = 0; i < sheet.columns.size(); ++i) {
      const Cell cell = i < row.size() ? row[i] : Cell();
      out += (i == 0 ? "" : ",") + std::visit(CsvCell(), cell);
      if (has_bounds(sheet, i)) out += csv_bounds(cell);
    }
    out += '\n';
  }
  return out;
}

}  // namespace

Document document_of(const Page& page) {
  Document document;
  document.title(page.title);
  for (const std::string& sentence : page.lead) document.text(sentence);
  for (const Sheet& sheet : page.sheets) {
    document.heading(sheet.heading);
    document.table(text_table(sheet));
  }
  if (page.notes.empty()) return document;
  document.heading("Notes");
  document.items(page.notes);
  return document;
}

std::string render(const Page& page, Format format) {
  switch (format) {
    case Format::table:
      return render_text(document_of(page));
    case Format::md:
      return render_markdown(document_of(page));
    case Format::json:
      return json_of(page);
    case Format::tex:
      return render_tex(document_of(page));
    case Format::csv:
      break;
  }
  std::string out;
  for (const Sheet& sheet : page.sheets) out += (out.empty() ? "" : "\n") + csv_of(sheet);
  return out;
}

}  // namespace lockstep
