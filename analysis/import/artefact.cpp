#include "analysis/import/artefact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>

#include "analysis/import/csv_records.hpp"
#include "analysis/import/names.hpp"
#include "analysis/import/readings.hpp"
#include "base/error.hpp"
#include "base/regular_file.hpp"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

// Per file: a row takes 40 bytes of memory for 4 in the file, a run some hundreds.
constexpr std::int64_t kLargestFile = 64 << 20;
constexpr std::size_t kMostRows = 1'000'000, kMostRuns = 100'000;

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t"), end = text.find_last_not_of(" \t%");
  return begin == std::string::npos || end == std::string::npos ? "" : text.substr(begin, end + 1 - begin);
}

// NaN for an empty field, and for what is not finite.
double number_in(const std::string& field, const std::string& source, std::size_t line,
                 const std::string& column) {
  const std::string text = trimmed(field);
  if (text.empty() || text == "None") return NAN;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = end == text.data() + text.size();
  if (whole && error == std::errc()) return std::isfinite(value) ? value : NAN;
  throw input_error(
      "{}:{}: column '{}': '{}' is {}", source, line, column, text.substr(0, 40),
      whole && error == std::errc::result_out_of_range ? "beyond what a number can hold" : "not a number");
}

struct Column {
  Field field;
  std::string name;
};

bool has(const std::vector<Column>& columns, Field field) {
  return std::any_of(columns.begin(), columns.end(), [&](const Column& c) { return c.field == field; });
}

// If a row has several times, the one with the most specific name counts.
void choose_time(std::vector<Column>& columns) {
  for (const Field best : {Field::epoch_seconds, Field::seconds, Field::elapsed}) {
    const auto chosen =
        std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.field == best; });
    if (chosen == columns.end()) continue;
    for (auto c = columns.begin(); c != columns.end(); ++c)
      if (c != chosen && is_time(c->field) && c->field != Field::total_seconds) c->field = Field::none;
    return;
  }
}

std::vector<Column> columns_of(const std::vector<std::string>& header, const std::string& source) {
  std::vector<Column> columns;
  for (const std::string& name : header) columns.push_back({field_of(name), trimmed(name)});
  if (!has(columns, Field::epoch) && !has(columns, Field::epoch_count))
    throw input_error("{}:1: no column 'epoch'; see docs/importing.md", source);
  if (std::none_of(columns.begin(), columns.end(), [](const Column& c) {
        return is_time(c.field) || c.field == Field::accuracy || c.field == Field::train_loss;
      }))
    throw input_error("{}:1: no column of a time, a loss or an accuracy; see docs/importing.md", source);
  choose_time(columns);
  return columns;
}

std::int64_t count_of(double value) {
  return value >= 1 && value < 1e6 ? static_cast<std::int64_t>(value) : 0;
}

void set_value(ImportedRun& run, ImportedEpoch& epoch, Field field, double value) {
  switch (field) {
    case Field::ranks:
      run.ranks = count_of(value);
      break;
    case Field::rank:
      if (value >= 0 && value < 1e6) run.rank = static_cast<std::int64_t>(value);
      break;
    case Field::epoch:
      epoch.epoch = value;
      break;
    case Field::epoch_count:
      run.epoch_count = count_of(value);
      break;
    case Field::train_loss:
      epoch.train_loss = value;
      break;
    case Field::epoch_seconds:
    case Field::seconds:
    case Field::elapsed:
      epoch.seconds = value;
      run.times = field == Field::epoch_seconds ? TimeOf::epoch
                  : field == Field::elapsed     ? TimeOf::since_start
                                                : TimeOf::unknown;
      break;
    case Field::total_seconds:
      run.total_seconds = value;
      break;
    case Field::validation_loss:
      epoch.validation_loss = value;
      break;
    case Field::accuracy:
      epoch.accuracy = value;
      break;
    default:
      break;
  }
}

bool is_text(Field field) { return field == Field::name || field == Field::mode; }

// Without a byte order mark.
std::string text_of(const std::string& file) {
  std::string text = read_regular_file(file, kLargestFile);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF") || text.find('\0') < 4)
    throw input_error("{}: is UTF-16; save it as UTF-8", file);
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  return text;
}

// The row's run: by its columns of name, mode, ranks and rank.
ImportedRun& run_of_row(std::map<std::string, std::size_t>& known, std::vector<ImportedRun>& runs,
                        const ImportedRun& like) {
  const std::string key = fmt::format("{}\n{}\n{}\n{}", like.name, like.mode, like.ranks, like.rank);
  const auto [found, fresh] = known.emplace(key, runs.size());
  if (fresh && runs.size() == kMostRuns)
    throw input_error("{}: has more than {} runs, the limit here", like.source, kMostRuns);
  if (fresh) runs.push_back(like);
  return runs[found->second];
}

void add_row(const std::vector<std::string>& fields, const std::vector<Column>& columns, std::size_t line,
             const std::string& source, std::map<std::string, std::size_t>& known,
             std::vector<ImportedRun>& runs) {
  if (fields.size() != columns.size())
    throw input_error("{}:{}: {} fields, the header has {}", source, line, fields.size(), columns.size());
  ImportedRun like{source, "", "", 0, {}, NAN};
  ImportedEpoch epoch{NAN, NAN, NAN, NAN, NAN};
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const Field field = columns[c].field;
    if (field == Field::none) continue;
    if (is_text(field))
      (field == Field::name ? like.name : like.mode) = trimmed(fields[c]);
    else
      set_value(like, epoch, field, number_in(fields[c], source, line, columns[c].name));
  }
  ImportedRun& run = run_of_row(known, runs, like);
  if (std::isnan(epoch.epoch)) epoch.epoch = static_cast<double>(like.epoch_count);
  run.total_seconds = like.total_seconds;
  add_record(run, epoch);
}

// 'epochs' over several rows that go up is the number of each; over one it is how many there were. A total
// that changes from row to row is one since the start.
void read_columns(ImportedRun& run, const std::vector<Column>& columns) {
  if (run.epochs.size() > 1 && has(columns, Field::epoch_count)) run.epoch_count = 0;
  if (run.epochs.size() == 1 && has(columns, Field::epoch_count)) run.epochs[0].epoch = 1;
}

}  // namespace

std::string ImportedRun::label() const { return name.empty() ? fs::path(source).stem().string() : name; }

std::vector<ImportedRun> runs_of_csv(const std::string& text, const std::string& source) {
  CsvRecords records(text, source);
  std::vector<std::string> fields;
  if (!records.next(fields)) throw input_error("{}: empty", source);
  const std::vector<Column> columns = columns_of(fields, source);
  std::map<std::string, std::size_t> known;
  std::vector<ImportedRun> runs;
  for (std::size_t rows = 0; records.next(fields);) {
    if (fields.size() == 1 && trimmed(fields[0]).empty()) continue;
    if (++rows > kMostRows) throw input_error("{}: has more than {} rows, the limit here", source, kMostRows);
    add_row(fields, columns, records.line(), source, known, runs);
  }
  if (runs.empty()) throw input_error("{}: no row below the header", source);
  const std::string stem = without_rank(fs::path(source).stem().string());
  for (ImportedRun& run : runs) {
    read_columns(run, columns);
    if (run.rank < 0) run.rank = rank_in(fs::path(source).stem().string());
    if (run.name.empty() && runs.size() > 1)
      run.name = stem + (run.mode.empty() ? "" : " " + run.mode) +
                 (run.ranks > 0 ? fmt::format(" x{}", run.ranks) : "");
    place_in_folder(run);
    settle(run);
  }
  return runs;
}

std::vector<ImportedRun> read_artefacts(const std::vector<std::string>& files,
                                        std::vector<std::string>& left_out) {
  std::vector<ImportedRun> runs;
  for (const std::string& file : files) {
    try {
      const std::string text = text_of(file);
      std::vector<ImportedRun> found =
          file.ends_with(".json") ? runs_of_json(text, file) : runs_of_csv(text, file);
      std::move(found.begin(), found.end(), std::back_inserter(runs));
    } catch (const Error& error) {
      left_out.emplace_back(error.what());
    }
  }
  runs = merge_ranks(std::move(runs));
  doubt_single_times(runs);
  return runs;
}

}  // namespace lockstep
