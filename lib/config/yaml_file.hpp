// A YAML file as text, as nodes, and as values. Private to lib/config.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "config/value.hpp"

namespace lockstep {

// The text of a file of at most 1 MiB. Error(bad_input) naming the path.
std::string read_yaml_text(const std::string& path);

// The one document in `text`; a null node when there is none. Error(bad_input) naming path, line and column.
YAML::Node parse_yaml(const std::string& path, const std::string& text);

Value value_of(const YAML::Node& node);

// For a message, which is one line of a readable length whatever it quotes.
std::string excerpt(const std::string& text);

}  // namespace lockstep
