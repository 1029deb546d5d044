// JSON of tables and of whatever else is printed as it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "analysis/tables/table.hpp"

namespace lockstep {

using Json = nlohmann::ordered_json;

// A list with an object a row. An estimate is three members, with its bounds where it has an interval. The
// Refused that ends a row is its code and its sentence; in a complete table a refused number is null, and
// <key>_refused the code.
Json json_of(const Table& table);

// Two spaces a level. Numbers have nine significant digits, and are null when they are not finite; what a
// terminal or a web page would obey is written as an escape, which Json::dump does not do.
std::string json_text(const Json& json);
// The same in one line, without spaces and without the line's end.
std::string json_line(const Json& json);

}  // namespace lockstep
