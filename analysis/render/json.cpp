#include "analysis/render/json.hpp"

#include <fmt/format.h>

#include <cmath>

#include "analysis/render/escape.hpp"
#include "analysis/render/render.hpp"

namespace lockstep {

namespace {

struct AddCell {
  Json& row;
  const std::string& key;
  bool complete;
  void operator()(std::monostate) const { row[key] = nullptr; }
  void operator()(const Estimate& value) const {
    const Figures figures = figures_of(value);
    row[key] = nullptr;
    if (figures.value) row[key] = *figures.value;
    if (figures.low) row[key + "_low"] = *figures.low;
    if (figures.high) row[key + "_high"] = *figures.high;
  }
  void operator()(const Refused& refused) const {
    if (complete) {
      row[key] = nullptr;
      row[key + "_refused"] = refused.code;
    } else {
      row["refused"] = refused.code;
      row["sentence"] = refused.sentence;
    }
  }
  template <typename T>
  void operator()(const T& value) const {
    row[key] = value;
  }
};

// Where lines begin: indented, or all in one.
class Writer {
 public:
  explicit Writer(bool lines) : lines_(lines) {}
  void write(const Json& value) {
    if (value.is_structured()) {
      write_members(value);
    } else if (value.is_string()) {
      out += json_quoted(value.get_ref<const std::string&>());
    } else if (value.is_number_float()) {
      const double number = value.get<double>();
      out += std::isfinite(number) ? fmt::format("{:.9g}", number) : "null";
    } else {
      out += value.dump();  // whole numbers, true, false, null
    }
  }
  std::string out;

 private:
  void write_members(const Json& value) {
    out += value.is_object() ? '{' : '[';
    ++depth_;
    bool first = true;
    for (const auto& item : value.items()) {
      if (!first) out += ',';
      first = false;
      begin_line();
      if (value.is_object()) out += json_quoted(item.key()) + (lines_ ? ": " : ":");
      write(item.value());
    }
    --depth_;
    if (!first) begin_line();
    out += value.is_object() ? '}' : ']';
  }
  void begin_line() {
    if (lines_) out += '\n' + std::string(2 * depth_, ' ');
  }
  bool lines_;
  std::size_t depth_ = 0;
};

}  // namespace

Json json_of(const Table& given) {
  const Table table = given.complete ? flattened(given) : given;
  Json rows = Json::array();
  for (const std::vector<Cell>& cells : table.rows) {
    Json row = Json::object();
    for (std::size_t i = 0; i < cells.size(); ++i)
      std::visit(AddCell{row, table.columns[i].key, given.complete}, cells[i]);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string json_text(const Json& json) {
  Writer writer(true);
  writer.write(json);
  return writer.out + '\n';
}

std::string json_line(const Json& json) {
  Writer writer(false);
  writer.write(json);
  return writer.out;
}

std::string render_json(const Page& page) {
  Json json = {{"title", page.title}, {"lead", page.lead}};
  for (const Table& table : page.tables) json[table.key] = json_of(table);
  json["notes"] = page.notes;
  json["units"] = Json::object();
  for (const Table& table : page.tables)
    for (const Column& column : table.columns)
      if (!column.unit.empty()) json["units"][table.key + "." + column.key] = column.unit;
  return json_text(json);
}

}  // namespace lockstep
