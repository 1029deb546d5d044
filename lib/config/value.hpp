// A value as it was written, before its key gives it a type. Private to lib/config.
#pragma once

#include <string>
#include <vector>

namespace lockstep {

struct Value {
  enum class Form { empty, scalar, list, nested, map };  // nested: a list of more than texts and numbers
  Form form = Form::empty;
  std::vector<std::string> items;  // one for a scalar
  bool quoted = false;             // "3" is a text, not a number

  std::string text() const;   // the scalar, or "[a, 2]" with its numbers unquoted
  std::string shown() const;  // for "must be ..., not ...": 'three', a map, empty
};

// Below, UTF-8 in and YAML out that means the same to readers of YAML 1.1 (PyYAML, Ruby) and 1.2: words such
// as "no" and texts that look like numbers are quoted, numbers have the one form that both take for a number.

// A text as a scalar, and several as a list.
std::string yaml_scalar(const std::string& text);
std::string yaml_list(const std::vector<std::string>& items);

// 1.0e-08, not 1e-08, which is a text in YAML 1.1. The shortest that reads back to the same number.
std::string yaml_number(double value);

}  // namespace lockstep
