#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "analysis/import/artefact.hpp"
#include "analysis/import/json_file.hpp"
#include "analysis/import/names.hpp"
#include "analysis/import/readings.hpp"
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

bool is_list_of_numbers(const Json& value) {
  return value.is_array() && !value.empty() && value.front().is_number();
}

bool is_measured(Field field) {
  return is_time(field) || field == Field::accuracy || field == Field::train_loss;
}

// Whether a member of the object satisfies it.
template <typename Wanted>
bool any_member(const Json& value, Wanted wanted) {
  if (!value.is_object()) return false;
  const auto members = value.items();
  return std::any_of(members.begin(), members.end(),
                     [&](const auto& m) { return wanted(field_of(m.key()), m.value()); });
}

// A run is an object that says how long it took, or an accuracy or loss of it.
bool is_run(const Json& value) {
  return any_member(value, [](Field field, const Json& of) {
    return is_measured(field) && (of.is_number() || is_list_of_numbers(of));
  });
}

bool lists_times(const Json& value) {
  return any_member(value,
                    [](Field field, const Json& of) { return is_time(field) && is_list_of_numbers(of); });
}

// One after another, each with its number.
bool is_list_of_epochs(const Json& value) {
  if (!value.is_array() || value.empty()) return false;
  return std::all_of(value.begin(), value.end(),
                     [](const Json& item) {
                       return any_member(item, [](Field field, const Json& of) {
                         return field == Field::epoch && of.is_number();
                       });
                     }) &&
         std::any_of(value.begin(), value.end(), is_run);
}

// Facts from enclosing objects about the runs within.
struct Context {
  std::string key;    // by which a run is named; "" where no key names one
  std::string above;  // under which the value stands
  std::string mode;
  std::int64_t ranks = 0, rank = -1, epochs = 0;
};

std::int64_t count_in(const Json& value) {
  // The numbers of the devices, one by one.
  if (value.is_array()) return std::ssize(value);
  const double count = number_or_nan(value);
  return count >= 1 && count < 1e6 ? static_cast<std::int64_t>(count) : 0;
}

Context within(Context context, const Json& value) {
  if (!value.is_object()) return context;
  for (const auto& [key, member] : value.items()) {
    const Field field = field_of(key);
    if (field == Field::ranks && count_in(member) > 0) context.ranks = count_in(member);
    if (field == Field::rank && number_or_nan(member) >= 0 && number_or_nan(member) < 1e6)
      context.rank = static_cast<std::int64_t>(number_or_nan(member));
    if (field == Field::mode && member.is_string()) context.mode = text_or_nothing(member);
    if (field == Field::epoch_count && member.is_number()) context.epochs = count_in(member);
  }
  return context;
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

void take_times(ImportedRun& run, Field field, const Json& value) {
  // One number next to a list of epochs is the total.
  if (value.is_number() && !run.epochs.empty() && run.times != TimeOf::epoch &&
      field != Field::epoch_seconds) {
    run.total_seconds = number_or_nan(value);
    return;
  }
  run.times = field == Field::epoch_seconds ? TimeOf::epoch
              : field == Field::elapsed     ? TimeOf::since_start
                                            : TimeOf::unknown;
  take_numbers(run, &ImportedEpoch::seconds, value);
}

void take_member(ImportedRun& run, Field field, const Json& value) {
  if (field == Field::name) run.name = text_or_nothing(value);
  if (field == Field::train_loss) take_numbers(run, &ImportedEpoch::train_loss, value);
  if (field == Field::validation_loss) take_numbers(run, &ImportedEpoch::validation_loss, value);
  if (field == Field::accuracy) take_numbers(run, &ImportedEpoch::accuracy, value);
  if (field == Field::total_seconds) run.total_seconds = number_or_nan(value);
}

// Of several times the one with the most specific name.
void take_best_times(ImportedRun& run, const Json& value) {
  for (const bool lists : {true, false})
    for (const Field best : {Field::epoch_seconds, Field::seconds, Field::elapsed})
      for (const auto& [key, member] : value.items())
        if (field_of(key) == best && (lists ? is_list_of_numbers(member) : member.is_number()))
          return take_times(run, best, member);
}

// A list of them is that of the rows; one beside a total is how many there were.
void take_epoch_numbers(ImportedRun& run, const Json& value) {
  for (const auto& [key, member] : value.items()) {
    if (field_of(key) != Field::epoch) continue;
    const std::vector<double> numbers = numbers_of(member);
    if (member.is_array() && numbers.size() == run.epochs.size())
      for (std::size_t i = 0; i < numbers.size(); ++i) run.epochs[i].epoch = numbers[i];
    if (member.is_number() && run.total_seconds > 0 && run.epoch_count == 0 && numbers[0] >= 1)
      run.epoch_count = std::llround(std::ceil(numbers[0]));
  }
}

ImportedRun new_run(const Context& context, const std::string& source) {
  ImportedRun run{source, context.key, context.mode, context.ranks, {}, NAN};
  run.rank = context.rank;
  run.epoch_count = context.epochs;
  return run;
}

void finish(ImportedRun& run, std::vector<ImportedRun>& runs) {
  if (run.name.empty() && !run.mode.empty())
    run.name = run.ranks > 0 ? fmt::format("{} x{}", run.mode, run.ranks) : run.mode;
  runs.push_back(std::move(run));
}

void take_run(const Json& value, const Context& context, const std::string& source,
              std::vector<ImportedRun>& runs) {
  ImportedRun run = new_run(context, source);
  for (const bool lists : {true, false}) {  // lists first: they say how many epochs there are
    for (const auto& [key, member] : value.items())
      if (member.is_array() == lists) take_member(run, field_of(key), member);
    if (lists) take_best_times(run, value);
  }
  take_epoch_numbers(run, value);
  finish(run, runs);
}

void take_epochs(const Json& list, const Context& context, const std::string& source,
                 std::vector<ImportedRun>& runs) {
  ImportedRun run = new_run(context, source);
  for (const Json& item : list) {
    ImportedRun row{source, "", "", 0, {}, NAN};
    take_best_times(row, item);
    for (const auto& [key, member] : item.items())
      if (member.is_number()) take_member(row, field_of(key), member);
    run.times = row.times;
    if (row.total_seconds > 0) run.total_seconds = row.total_seconds;
    epoch_at(row, 0);
    for (const auto& [key, member] : item.items())
      if (field_of(key) == Field::epoch) row.epochs[0].epoch = number_or_nan(member);
    add_record(run, row.epochs[0]);
  }
  // Records between epochs have numbers as 1.5, and the last has that of the epochs there were.
  const double last = run.epochs.back().epoch;
  if (run.total_seconds > 0 && run.epoch_count == 0 && last >= 1)
    run.epoch_count = std::llround(std::ceil(last));
  finish(run, runs);
}

// A list of results that no name, mode, number of ranks or of an epoch tells apart.
bool is_nameless(const Json& list) {
  return list.is_array() && list.size() > 1 && std::all_of(list.begin(), list.end(), [](const Json& item) {
           return is_run(item) && !lists_times(item) && !any_member(item, [](Field field, const Json&) {
                    return field == Field::name || field == Field::mode || field == Field::ranks ||
                           field == Field::rank || field == Field::epoch;
                  });
         });
}

// What a key says of the runs below it: their name, mode and devices. "gpus": {"1": ..., "2": ...} numbers these.
Context below(const Context& context, const std::string& key) {
  Context inner = context;
  inner.above = key;
  const bool number =
      !key.empty() && key.size() <= 6 && key.find_first_not_of("0123456789") == std::string::npos;
  if (number && field_of(context.above) == Field::ranks) inner.ranks = std::stoll(key);
  if (ranks_in(key) > 0) inner.ranks = ranks_in(key);
  const std::string mode = mode_in(key);
  if (!mode.empty()) inner.mode = mode;
  if (is_generic(key) || (field_of(key) != Field::none && mode.empty())) return inner;
  const bool qualifies = mode.empty() && (!context.mode.empty() || context.ranks > 0 || number);
  inner.key = qualifies && !context.key.empty() ? context.key + " " + key : key;
  return inner;
}

void collect(const Json& value, const Context& outer, const std::string& source,
             std::vector<ImportedRun>& runs);

// An object called a summary is not a run if there are others next to it.
void collect_members(const Json& value, const Context& context, const std::string& source,
                     std::vector<ImportedRun>& runs) {
  const std::size_t before = runs.size();
  for (const bool summaries : {false, true}) {
    if (summaries && runs.size() > before) return;
    for (const auto& [key, member] : value.items()) {
      if (value.is_object() && is_summary(key) != summaries) continue;
      if (value.is_array() && summaries) continue;
      collect(member, value.is_object() ? below(context, key) : context, source, runs);
    }
  }
}

// Objects at any depth.
void collect(const Json& value, const Context& outer, const std::string& source,
             std::vector<ImportedRun>& runs) {
  if (!value.is_structured()) return;
  const Context context = within(outer, value);
  if (is_list_of_epochs(value)) return take_epochs(value, context, source, runs);
  if (is_nameless(value))
    throw input_error(
        "{}: '{}' is a list of {} results: runs, or epochs of one? Give each a 'name' or an 'epoch'", source,
        outer.key, value.size());
  const std::size_t before = runs.size();
  const bool run = is_run(value);
  if (!run || !lists_times(value)) collect_members(value, context, source, runs);
  if (!run) return;
  // Numbers above runs are a summary of them, unless what is below is the end of this one.
  const auto timed = [](const ImportedRun& r) {
    return r.total_seconds > 0 ||
           std::any_of(r.epochs.begin(), r.epochs.end(), [](const auto& e) { return e.seconds > 0; });
  };
  const bool summary = runs.size() > before + 1 || (runs.size() == before + 1 && timed(runs.back()));
  if (!summary) {
    runs.resize(before);
    return take_run(value, context, source, runs);
  }
  for (std::size_t i = before; i < runs.size(); ++i)
    runs[i].assumed.emplace_back("the numbers above it in the file are taken as a summary of its runs");
}

}  // namespace

std::vector<ImportedRun> runs_of_json(const std::string& text, const std::string& source) {
  std::vector<ImportedRun> runs;
  collect(parse_json(text, source), {}, source, runs);
  if (runs.empty())
    throw input_error("{}: no object in it has a time, a loss or an accuracy; see docs/importing.md", source);
  const std::string stem = std::filesystem::path(source).stem().string();
  for (ImportedRun& run : runs) {
    if (run.rank < 0) run.rank = rank_in(stem);
    if (runs.size() > 1) {
      if (run.name.empty()) run.name = stem;
      run.set = source;
    } else {
      place_in_folder(run);
    }
    settle(run);
  }
  return runs;
}

}  // namespace lockstep
