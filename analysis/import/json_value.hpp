// Reads JSON (RFC 8259) into a tree. For the small files of other programs.
#pragma once

#include <string>
#include <vector>

namespace lockstep {

struct JsonMember;

struct JsonValue {
  enum class Kind { null, boolean, number, text, list, object } kind = Kind::null;
  double number = 0;  // 0 or 1 of a boolean
  std::string text;
  std::vector<JsonValue> items;     // of a list
  std::vector<JsonMember> members;  // of an object, in the file's order

  // The member, or null when there is none or this is no object.
  const JsonValue* find(const std::string& name) const;
};

struct JsonMember {
  std::string key;
  JsonValue value;
};

// Error(bad_input) naming source and line. Python's NaN and Infinity are read as numbers; nesting beyond 64
// is refused.
JsonValue parse_json(const std::string& text, const std::string& source);

}  // namespace lockstep
