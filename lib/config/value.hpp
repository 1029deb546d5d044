// A value as it was written, before its key gives it a type. Private to lib/config.
#pragma once

#include <string>
#include <vector>

namespace lockstep {

struct Value {
  enum class Form { empty, scalar, list, nested, map };  // nested: a list of more than scalars
  Form form = Form::empty;
  std::vector<std::string> items;  // one for a scalar
  bool quoted = false;             // "3" is a text, not a number

  std::string text() const;   // the scalar, or "[a, b]"
  std::string shown() const;  // for "must be ..., not ...": 'three', a map, empty
};

// A text as a YAML scalar that reads back to the same text.
std::string yaml_scalar(const std::string& text);

}  // namespace lockstep
