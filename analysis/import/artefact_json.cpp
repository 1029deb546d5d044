#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "analysis/import/artefact.hpp"
#include "analysis/import/json_value.hpp"
#include "analysis/import/names.hpp"
#include "base/error.hpp"

namespace lockstep {

namespace {

using Kind = JsonValue::Kind;

// Numbers of a list, or the one number.
std::vector<double> numbers_of(const JsonValue& value) {
  std::vector<double> numbers;
  if (value.kind == Kind::number) numbers.push_back(value.number);
  for (const JsonValue& item : value.items) numbers.push_back(item.kind == Kind::number ? item.number : NAN);
  return numbers;
}

// A run is an object that says how long it took, or an accuracy or loss of it.
bool is_run(const JsonValue& value) {
  return std::any_of(value.members.begin(), value.members.end(), [](const auto& member) {
    const Field field = field_of(member.key);
    const Kind kind = member.value.kind;
    const bool numbers = kind == Kind::number || (kind == Kind::list && !member.value.items.empty() &&
                                                  member.value.items.front().kind == Kind::number);
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
void take_numbers(ImportedRun& run, double ImportedEpoch::*member, const JsonValue& value) {
  const std::vector<double> numbers = numbers_of(value);
  const bool last = value.kind == Kind::number && !run.epochs.empty();
  for (std::size_t i = 0; i < numbers.size(); ++i)
    epoch_at(run, last ? run.epochs.size() - 1 : i).*member = numbers[i];
}

void take_member(ImportedRun& run, Field field, const JsonValue& value) {
  switch (field) {
    case Field::name:
      run.name = value.text;
      break;
    case Field::mode:
      run.mode = value.text;
      break;
    case Field::ranks:
      if (value.number >= 1 && value.number < 1e6) run.ranks = static_cast<std::int64_t>(value.number);
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
      run.total_seconds = value.number;
      break;
    default:
      break;
  }
}

ImportedRun run_of(const JsonValue& value, const std::string& name, const std::string& source) {
  ImportedRun run{source, "", "", 0, {}, NAN};
  for (const bool lists : {true, false})  // lists first: they say how many epochs there are
    for (const auto& [key, member] : value.members)
      if ((member.kind == Kind::list) == lists) take_member(run, field_of(key), member);
  if (run.name.empty()) run.name = name;
  if (run.name.empty() && !run.mode.empty())
    run.name = run.ranks > 0 ? fmt::format("{} x{}", run.mode, run.ranks) : run.mode;
  if (run.name.empty()) run.name = std::filesystem::path(source).stem().string();
  complete(run);
  return run;
}

// Objects at any depth; `name` is the key under which one stands.
void collect(const JsonValue& value, const std::string& name, const std::string& source,
             std::vector<ImportedRun>& runs) {
  if (is_run(value)) return runs.push_back(run_of(value, name, source));
  for (const JsonValue& item : value.items) collect(item, "", source, runs);
  for (const auto& [key, member] : value.members) collect(member, key, source, runs);
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
