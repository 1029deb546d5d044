#include "analysis/import/artefact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>

#include "analysis/import/csv_records.hpp"
#include "analysis/import/names.hpp"
#include "analysis/runs/tree_walk.hpp"
#include "base/error.hpp"
#include "base/regular_file.hpp"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

// Of one file: a row takes 40 bytes of memory, for 4 in the file, a run some hundreds.
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

std::vector<Column> columns_of(const std::vector<std::string>& header, const std::string& source) {
  std::vector<Column> columns;
  for (const std::string& name : header) columns.push_back({field_of(name), trimmed(name)});
  const auto has = [&](Field f) {
    return std::any_of(columns.begin(), columns.end(), [f](const Column& c) { return c.field == f; });
  };
  if (!has(Field::epoch)) throw input_error("{}:1: no column 'epoch'; see docs/importing.md", source);
  if (!has(Field::seconds) && !has(Field::accuracy) && !has(Field::train_loss))
    throw input_error("{}:1: no column of a time, a loss or an accuracy; see docs/importing.md", source);
  return columns;
}

void set_value(ImportedEpoch& epoch, Field field, double value) {
  switch (field) {
    case Field::epoch:
      epoch.epoch = value;
      break;
    case Field::train_loss:
      epoch.train_loss = value;
      break;
    case Field::seconds:
      epoch.seconds = value;
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

bool is_artefact(const std::string& name) { return name.ends_with(".csv") || name.ends_with(".json"); }

// The row's run: by its columns of name, mode and ranks.
ImportedRun& run_of_row(std::map<std::string, std::size_t>& known, std::vector<ImportedRun>& runs,
                        const ImportedRun& like) {
  const std::string key = fmt::format("{}\n{}\n{}", like.name, like.mode, like.ranks);
  const auto [found, fresh] = known.emplace(key, runs.size());
  if (fresh && runs.size() == kMostRuns)
    throw input_error("{}: holds more than {} runs, the most that is read here", like.source, kMostRuns);
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
    if (is_text(field)) {
      (field == Field::name ? like.name : like.mode) = trimmed(fields[c]);
      continue;
    }
    const double value = number_in(fields[c], source, line, columns[c].name);
    if (field == Field::ranks)
      like.ranks = value >= 1 && value < 1e6 ? static_cast<std::int64_t>(value) : 0;
    else
      set_value(epoch, field, value);
  }
  run_of_row(known, runs, like).epochs.push_back(epoch);
}

}  // namespace

void complete(ImportedRun& run) {
  if (run.mode.empty()) run.mode = mode_in(run.name);
  if (const std::string mode = mode_in(run.mode); !mode.empty()) run.mode = mode;
  if (run.ranks == 0) run.ranks = ranks_in(run.name);
  if (run.ranks == 0 && run.mode == "seq") run.ranks = 1;
  if (run.mode.empty() && run.ranks == 1) run.mode = "seq";
  for (const ImportedEpoch& e : run.epochs) run.percent = run.percent || e.accuracy > 1.5;
  if (!run.percent) return;
  for (ImportedEpoch& e : run.epochs) e.accuracy /= 100;
}

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
    if (++rows > kMostRows)
      throw input_error("{}: holds more than {} rows, the most that is read here", source, kMostRows);
    add_row(fields, columns, records.line(), source, known, runs);
  }
  if (runs.empty()) throw input_error("{}: no row below the header", source);
  for (ImportedRun& run : runs) {
    if (run.name.empty())
      run.name = runs.size() == 1
                     ? fs::path(source).stem().string()
                     : fmt::format("{} {} x{}", fs::path(source).stem().string(), run.mode, run.ranks);
    complete(run);
  }
  return runs;
}

std::vector<ImportedRun> read_artefacts(const std::vector<std::string>& paths,
                                        std::vector<std::string>& left_out) {
  std::vector<ImportedRun> runs;
  Tree tree = files_below(paths, is_artefact);
  left_out = std::move(tree.notes);
  for (const TreeFile& file : tree.files) {
    try {
      const std::string text = text_of(file.path);
      std::vector<ImportedRun> found =
          file.path.ends_with(".json") ? runs_of_json(text, file.path) : runs_of_csv(text, file.path);
      std::move(found.begin(), found.end(), std::back_inserter(runs));
    } catch (const Error& error) {
      left_out.emplace_back(error.what());
    }
  }
  if (runs.empty())
    throw input_error("{}: no run found{}; what is accepted is listed in docs/importing.md", paths.front(),
                      left_out.empty() ? "" : " (" + left_out.front() + ")");
  return runs;
}

}  // namespace lockstep
