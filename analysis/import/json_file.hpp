// JSON files of other programs, Python's among them, into a tree.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lockstep {

using Json = nlohmann::ordered_json;

// Error(bad_input) naming source and line for what is no JSON or a number that no double holds; source and
// place for a key that stands twice in an object, what is nested deeper than 64, and more than two million
// values. Python's NaN and Infinity, which JSON does not have, are read as null.
Json parse_json(const std::string& text, const std::string& source);

// What the library complains of, without the number of its exception and the place.
std::string json_complaint(const Json::exception& error);

}  // namespace lockstep
