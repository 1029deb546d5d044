#include "record/run_facts.hpp"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>

#include "comm/agreement.hpp"
#include "launch/flight_recorder.hpp"
#include "record/run_record.hpp"

namespace lockstep {

namespace {

constexpr const char* kCharacters = "letters, digits, '_', '.' and '-'";

bool fits_folder(const std::string& name) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-'; };
  return !name.empty() && name.front() != '.' && std::all_of(name.begin(), name.end(), fits);
}

// "YourNet" of "(anonymous namespace)::YourNet".
std::string model_name(const RunOptions& options) {
  if (!options.model.empty()) return options.model;
  const std::string& type = options.module->name();
  const std::size_t colon = type.rfind(':');
  return colon == std::string::npos ? type : type.substr(colon + 1);
}

void require_fitting(const RunOptions& options) {
  if (!options.module) throw input_error("RunOptions::module is not set: give the module that is trained");
  if (options.module->parameters().empty())
    throw input_error("RunOptions::module has no parameters: give the module that is trained");
  if (!fits_folder(model_name(options)))
    throw input_error(
        "the model is called '{}', which cannot be the name of a folder: set RunOptions::model to one of {}",
        model_name(options), kCharacters);
  const RecordedData& data = options.data;
  if (std::min({data.train_rows, data.validation_rows, data.test_rows, data.classes}) < 0)
    throw input_error("RunOptions::data has a number of rows or classes below 0");
  if (options.phases_per_step == 0) throw input_error("RunOptions::phases_per_step is 0; it is at least 1");
}

// Of the options those that all ranks must share. The data may lie elsewhere, the module is compared later.
Facts shared_facts(const RunOptions& options) {
  Facts facts{{"model", model_name(options)},
              {"data.name", options.data.name},
              {"data.train_rows", std::to_string(options.data.train_rows)},
              {"metric", options.metric},
              {"seed", std::to_string(options.seed)}};
  facts.insert(facts.end(), options.settings.begin(), options.settings.end());
  return facts;
}

ModelFacts model_facts(const RunOptions& options) {
  ModelFacts facts;
  facts.name = model_name(options);
  facts.flops_per_sample = options.flops_per_sample;
  for (const torch::Tensor& p : options.module->parameters()) {
    if (!p.requires_grad()) continue;
    facts.parameters += p.numel();
    facts.gradient_bytes += static_cast<std::int64_t>(p.nbytes());
  }
  for (const auto& child : options.module->named_children()) {
    std::int64_t parameters = 0;
    for (const torch::Tensor& p : child.value()->parameters())
      parameters += p.requires_grad() ? p.numel() : 0;
    facts.layers.push_back(child.key());
    facts.layer_parameters.push_back(parameters);
  }
  return facts;
}

void add_settings(RunData& run, const Communicator& communicator, const RunOptions& options) {
  run.settings["run.seed"] = std::to_string(options.seed);
  run.settings["parallel.backend"] = name_of(communicator.backend());
  run.settings["measure.scaling"] = options.weak_scaling ? "weak" : "strong";
  for (const auto& [key, value] : options.settings)
    if (!run.settings.emplace(key, value).second)
      throw input_error("RunOptions::settings has '{}', which the run sets itself; leave it out", key);
}

// JSON's strings are YAML's.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

std::string to_yaml(const std::map<std::string, std::string>& settings) {
  std::string text = "# of a training loop recorded by lockstep::Run\n";
  for (const auto& [key, value] : settings) text += fmt::format("{}: {}\n", quoted(key), quoted(value));
  return text;
}

}  // namespace

c10::Device device_of(const torch::nn::Module& module) { return module.parameters().front().device(); }

RunData facts_of_run(World& world, const Communicator& communicator, const RunOptions& options) {
  require_fitting(options);
  world.flight().activity.enter("opening the run");
  require_agreement(world, shared_facts(options), "the ranks record different runs",
                    "give the same RunOptions on every rank");
  const Mode mode = world.size() == 1 ? Mode::sequential : Mode::data_parallel;
  RunData run = describe_run(world, mode, device_of(*options.module), at::get_num_threads(),
                             /*loader_threads=*/0);
  add_settings(run, communicator, options);
  run.config_resolved = to_yaml(run.settings);
  run.metric = options.metric;
  run.higher_is_better = options.higher_is_better;
  run.chance = options.chance;
  run.model = model_facts(options);
  const RecordedData& data = options.data;
  run.data = {data.name, data.train_rows, data.validation_rows, data.test_rows, data.classes, data.digest};
  return run;
}

}  // namespace lockstep
