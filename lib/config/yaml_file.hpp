// A YAML file as text, as nodes, and as values. Private to lib/config.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "config/value.hpp"

namespace lockstep {

// The text of a file of at most 1 MiB. Error(bad_input) naming the path.
std::string read_yaml_text(const std::string& path);

struct YamlDocument {
  YAML::Node root;
  int count = 0;      // of the documents in the text: 0, 1, or 2 for more than one, which are not kept
  YAML::Mark second;  // where it begins
};

// Of a text of any kind, in memory and time that it justifies. YAML::Exception where it is no YAML.
YamlDocument read_document(const std::string& text);

// The one document in `text`; a null node when there is none. Error(bad_input) naming path, line and column.
YAML::Node parse_yaml(const std::string& path, const std::string& text);

Value value_of(const YAML::Node& node);

// For a message, which is one line of a readable length whatever it quotes.
std::string excerpt(const std::string& text);

}  // namespace lockstep
