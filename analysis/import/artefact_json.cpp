#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "analysis/import/artefact.hpp"
#include "analysis/import/json_file.hpp"
#include "analysis/import/names.hpp"
#include "base/error.hpp"

namespace lockstep {

namespace {

double number_or_nan(const Json& value) { return value.is_number() ? value.get<double>() : NAN; }
std::string text_or_nothing(const Json& value) { return value.is_string() ? value.get<std::string>() : ""; }

// Numbers of a list, or the one number.
std::vector<double> numbers_of(const Json& value) {
  std::vector<double> numbers;
  if (value.is_number()) numbers.push_back(number_or_nan(value));
  if (value.is_array())
    for (const Json& item : value) numbers.push_back(number_or_nan(item));
  return numbers;
}

// A run is an object that says how long it took, or an accuracy or loss of it.
bool is_run(const Json& value) {
  if (!value.is_object()) return false;
  const auto members = value.items();
  return std::any_of(members.begin(), members.end(), [](const auto& member) {
    const Field field = field_of(member.key());
    const Json& of = member.value();
    const bool numbers = of.is_number() || (of.is_array() && !of.empty() && of.front().is_number());
    return numbers && (field == Field::seconds || field == Field::accuracy || field == Field::train_loss ||
                       field == Field::total_seconds);
  });
}

ImportedEpoch& epoch_at(ImportedRun& run, std::size_t index) {
  while (run.epochs.size() <= index)
    run.epochs.push_back({static_cast<double>(run.epochs.size() + 1), NAN, NAN, NAN, NAN});
  return run.epochs[index];
}

// A single accuracy is that of the last epoch, whose number is known once all lists are read.
void take_numbers(ImportedRun& run, double ImportedEpoch::*member, const Json& value) {
  const std::vector<double> numbers = numbers_of(value);
  const bool last = value.is_number() && !run.epochs.empty();
  for (std::size_t i = 0; i < numbers.size(); ++i)
    epoch_at(run, last ? run.epochs.size() - 1 : i).*member = numbers[i];
}

void take_member(ImportedRun& run, Field field, const Json& value) {
  switch (field) {
    case Field::name:
      run.name = text_or_nothing(value);
      break;
    case Field::mode:
      run.mode = text_or_nothing(value);
      break;
    case Field::ranks:
      if (const double ranks = number_or_nan(value); ranks >= 1 && ranks < 1e6)
        run.ranks = static_cast<std::int64_t>(ranks);
      break;
    case Field::train_loss:
      take_numbers(run, &ImportedEpoch::train_loss, value);
      break;
    case Field::seconds:
      take_numbers(run, &ImportedEpoch::seconds, value);
      break;
    case Field::validation_loss:
      take_numbers(run, &ImportedEpoch::validation_loss, value);
      break;
    case Field::accuracy:
      take_numbers(run, &ImportedEpoch::accuracy, value);
      break;
    case Field::total_seconds:
      run.total_seconds = number_or_nan(value);
      break;
    default:
      break;
  }
}

ImportedRun run_of(const Json& value, const std::string& name, const std::string& source) {
  ImportedRun run{source, "", "", 0, {}, NAN};
  for (const bool lists : {true, false})  // lists first: they say how many epochs there are
    for (const auto& [key, member] : value.items())
      if (member.is_array() == lists) take_member(run, field_of(key), member);
  if (run.name.empty()) run.name = name;
  if (run.name.empty() && !run.mode.empty())
    run.name = run.ranks > 0 ? fmt::format("{} x{}", run.mode, run.ranks) : run.mode;
  if (run.name.empty()) run.name = std::filesystem::path(source).stem().string();
  complete(run);
  return run;
}

// Objects at any depth; `name` is the key under which one stands.
void collect(const Json& value, const std::string& name, const std::string& source,
             std::vector<ImportedRun>& runs) {
  if (is_run(value)) return runs.push_back(run_of(value, name, source));
  if (!value.is_structured()) return;
  for (const auto& [key, member] : value.items()) collect(member, value.is_object() ? key : "", source, runs);
}

}  // namespace

std::vector<ImportedRun> runs_of_json(const std::string& text, const std::string& source) {
  std::vector<ImportedRun> runs;
  collect(parse_json(text, source), "", source, runs);
  if (runs.empty())
    throw input_error("{}: no object in it has a time, a loss or an accuracy; see docs/importing.md", source);
  return runs;
}

}  // namespace lockstep
