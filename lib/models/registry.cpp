#include "models/registry.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/suggestions.hpp"
#include "models/zoo.hpp"

namespace lockstep {

namespace {

std::vector<ModelRow> rows() {
#define LOCKSTEP_CALL(model) model(),
  return {LOCKSTEP_MODELS(LOCKSTEP_CALL)};
#undef LOCKSTEP_CALL
}

ModelRow find_row(const std::string& name, const std::string& place = "'model.name'") {
  for (ModelRow& row : rows()) {
    if (row.name == name) return row;
  }
  throw input_error("{}: unknown model '{}'{}; known are {}", place, name, did_you_mean(name, model_names()),
                    fmt::join(model_names(), ", "));
}

std::size_t preset_index(const ModelRow& row, const std::string& preset,
                         const std::string& place = "'model.preset'") {
  if (preset.empty()) return 0;
  const auto found = std::find(row.presets.begin(), row.presets.end(), preset);
  if (found != row.presets.end()) return static_cast<std::size_t>(found - row.presets.begin());
  if (row.presets.empty())
    throw input_error("{}: model '{}' has no presets; leave the key out", place, row.name);
  throw input_error("{}: model '{}' has no preset '{}'{}; it has {}", place, row.name, preset,
                    did_you_mean(preset, row.presets), fmt::join(row.presets, ", "));
}

HyperParameters checked(const ModelRow& row, const RunConfig::Model& config) {
  return HyperParameters(row.name, row.keys, preset_index(row, config.preset), config.hyper);
}

const char* name_of(SampleKind kind) {
  switch (kind) {
    case SampleKind::images:
      return "images (channels, height, width)";
    case SampleKind::text:
      return "text with a class";
    case SampleKind::pairs:
      return "pairs of sentences";
    case SampleKind::tokens:
      return "running text";
  }
  return "";
}

void check_inputs(const ModelRow& row, const ModelInputs& inputs) {
  if (inputs.kind != row.reads) {
    throw input_error(
        "'model.name': {} reads {}, but the data set 'data.name' gives {}, of shape ({}); choose another "
        "model or data set",
        row.name, name_of(row.reads), name_of(inputs.kind), fmt::join(inputs.sample_shape, ", "));
  }
  if (row.task == TaskKind::classification && inputs.classes < 1)
    throw input_error("'data.name': {} needs at least one class", row.name);
  if (row.reads != SampleKind::images && inputs.vocabulary < 2)
    throw input_error("'data.vocabulary': {} needs at least two tokens", row.name);
}

}  // namespace

std::shared_ptr<Model> make_model(const ModelRow& row, const RunConfig::Model& config,
                                  const ModelInputs& inputs, std::uint64_t seed) {
  const HyperParameters hyper = checked(row, config);
  check_inputs(row, inputs);
  torch::manual_seed(seed);
  return row.build(hyper, inputs);
}

std::shared_ptr<Model> make_model(const RunConfig::Model& config, const ModelInputs& inputs,
                                  std::uint64_t seed) {
  return make_model(find_row(config.name), config, inputs, seed);
}

void check_model(const RunConfig& config) {
  const ModelRow row = find_row(config.model.name, config.place("model.name"));
  preset_index(row, config.model.preset, config.place("model.preset"));
  static_cast<void>(checked(row, config.model));
}

std::vector<Setting> resolved_hyper_parameters(const RunConfig::Model& config) {
  return checked(find_row(config.name), config).resolved();
}

std::string resolved_preset(const RunConfig::Model& config) {
  const ModelRow row = find_row(config.name);
  return row.presets.empty() ? "" : row.presets[preset_index(row, config.preset)];
}

TaskKind model_task(const RunConfig::Model& config) { return find_row(config.name).task; }

PublishedPartition published_partition(const RunConfig::Model& config) {
  return find_row(config.name).published;
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const ModelRow& row : rows()) names.push_back(row.name);
  return names;
}

std::vector<ModelKeys> model_keys() {
  std::vector<ModelKeys> models;
  for (const ModelRow& row : rows()) {
    ModelKeys keys{row.name, row.presets, {}};
    for (const HyperParameter& key : row.keys) keys.keys.push_back({key.key, key.defaults, key.doc});
    models.push_back(std::move(keys));
  }
  return models;
}

}  // namespace lockstep
