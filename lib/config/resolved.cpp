#include <charconv>

#include "base/error.hpp"
#include "config/keys.hpp"
#include "config/load_config.hpp"

namespace lockstep {

namespace {

// A hyper-parameter's text is a number, true, false, a word or a list of numbers, as the registry writes it.
std::string setting_yaml(const std::string& value) {
  if (value.starts_with('[') || value == "true" || value == "false") return value;
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool all = error == std::errc() && end == value.data() + value.size();
  if (!all) return yaml_scalar(value);
  // A whole number of any length stays as it is.
  return value.find_first_of(".eE") == std::string::npos ? value : yaml_number(number);
}

std::string indent(const std::string& section) {
  std::string spaces = "  ";
  for (const char c : section)
    if (c == '.') spaces += "  ";
  return spaces;
}

}  // namespace

std::string to_yaml(const RunConfig& config, const std::vector<Setting>& resolved_model) {
  std::string yaml;
  for (const std::string& section : sections()) {
    std::string body;
    for (const Key& key : keys()) {
      const auto value = key.section() == section ? key.get(config) : std::nullopt;
      if (value)
        body += fmt::format("{}{}: {}\n", indent(section), key.last(),
                            key.is_text || !key.choices.empty() ? yaml_scalar(*value) : *value);
    }
    if (section == "model")
      for (const Setting& setting : resolved_model)
        body += fmt::format("  {}: {}\n", setting.key, setting_yaml(setting.value));
    const std::string name = section.substr(section.rfind('.') + 1);
    if (!body.empty()) yaml += fmt::format("{}{}:\n{}", indent(section).substr(2), name, body);
  }
  return yaml;
}

std::map<std::string, std::string> flatten(const RunConfig& config,
                                           const std::vector<Setting>& resolved_model) {
  std::map<std::string, std::string> flat;
  for (const Key& key : keys())
    if (const auto value = key.get(config)) flat[key.name] = *value;
  for (const Setting& setting : resolved_model) flat["model." + setting.key] = setting.value;
  return flat;
}

}  // namespace lockstep
