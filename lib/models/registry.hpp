// The model registry: every model by name, with presets and hyper-parameters. All it knows about data sets is
// the shape of a sample.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/sample_kind.hpp"
#include "config/key_docs.hpp"
#include "config/run_config.hpp"
#include "models/hyper_parameters.hpp"
#include "models/model.hpp"

namespace lockstep {

// How the published comparisons split a model over stages (parallel.partition: published); a model that they
// do not split, or not over so many chunks, is split evenly.
struct PublishedPartition {
  int first_of_two = 0;  // on two chunks: layers of the first; 0: not said
  // The layers whose names begin so are split evenly; what comes before them lies with the first, what comes
  // after with the last. Empty: not said.
  std::string blocks = {};
};

// One row of the registry.
struct ModelRow {
  std::string name;
  std::string doc;  // one line
  SampleKind reads = SampleKind::images;
  std::vector<std::string> presets;  // the first is the default; empty when the model has none
  std::vector<HyperParameter> keys;
  std::shared_ptr<Model> (*build)(const HyperParameters&, const ModelInputs&) = nullptr;
  TaskKind task = TaskKind::classification;
  PublishedPartition published = {};
};

// Builds the model on the CPU in fp32. Its initial weights follow from the seed alone (LibTorch's global CPU
// generator is seeded with it). Error(bad_input) for an unknown model, preset or hyper-parameter, a value
// that is wrong or does not fit the others, and data of another kind than the model reads. Not collective.
std::shared_ptr<Model> make_model(const RunConfig::Model& config, const ModelInputs& inputs,
                                  std::uint64_t seed);

// The same for a row that need not be in the registry: your own model.
std::shared_ptr<Model> make_model(const ModelRow& row, const RunConfig::Model& config,
                                  const ModelInputs& inputs, std::uint64_t seed);

// What can be checked before the data is read: model, preset and hyper-parameters, with file and line in
// every message.
void check_model(const RunConfig& config);

// Every hyper-parameter with the value that make_model uses, as YAML text.
std::vector<Setting> resolved_hyper_parameters(const RunConfig::Model& config);

// The preset that is used: the one given, or the model's default; empty when the model has none.
std::string resolved_preset(const RunConfig::Model& config);

// What the model of that name is trained for. Error(bad_input) for an unknown model.
TaskKind model_task(const RunConfig::Model& config);

// Error(bad_input) for an unknown model.
PublishedPartition published_partition(const RunConfig::Model& config);

std::vector<std::string> model_names();

// For --help and docs/configuration.md.
std::vector<ModelKeys> model_keys();

}  // namespace lockstep
