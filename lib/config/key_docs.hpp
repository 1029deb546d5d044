// The words of --help and docs/configuration.md, generated from the table of keys, the flags and the models'
// keys.
#pragma once

#include <string>
#include <vector>

namespace lockstep {

// One hyper-parameter of a model, as plain data: `model.<key>`.
struct ModelKey {
  std::string key;                    // without "model."
  std::vector<std::string> defaults;  // one a preset, in the order of ModelKeys::presets, or one for all
  std::string doc;                    // one line
};

// What the model registry tells of one model.
struct ModelKeys {
  std::string name;
  std::vector<std::string> presets;  // the first is the default; empty when the model has none
  std::vector<ModelKey> keys;
};

// All keys of the table with allowed values, defaults and meanings; at most 100 columns.
std::string key_help();

// All flags with their meanings, at most 100 columns.
std::string flag_help();

// The whole of docs/configuration.md.
std::string configuration_markdown(const std::vector<ModelKeys>& models);

}  // namespace lockstep
