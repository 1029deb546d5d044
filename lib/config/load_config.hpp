// A YAML file and --set values to a checked RunConfig, and back to YAML. Every error is an Error(bad_input)
// of one line that names file, line and key. Checks that need the number of ranks, the model or the data are
// made by their owners.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/run_config.hpp"

namespace lockstep {

// path: a YAML (or JSON) file; empty: no file, only `sets`. sets: "a.b=value" each, applied in order after
// the file; a value is a YAML scalar or list ("[0.85, 0.88]"), and null takes the key back to its default.
// Calls validate.
RunConfig load_config(const std::string& path, const std::vector<std::string>& sets);

// The combinations of keys that are wrong on any machine.
void validate(const RunConfig& config);

// Every key with its value, as YAML that load_config reads back to the same configuration. resolved_model:
// the model's hyper-parameters with the registry's defaults filled in; they take the place of
// config.model.hyper.
std::string to_yaml(const RunConfig& config, const std::vector<Setting>& resolved_model);

// The same as dotted key to text; keys that are not set (training.steps when epochs is given) are absent.
std::map<std::string, std::string> flatten(const RunConfig& config,
                                           const std::vector<Setting>& resolved_model);

}  // namespace lockstep
