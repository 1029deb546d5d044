#include "analysis/import/artefact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "analysis/import/names.hpp"
#include "base/error.hpp"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargestFile = 64U << 20U;

// Fields of one line; quotes may be doubled within quotes.
std::vector<std::string> fields_of(const std::string& line, char separator) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"')
      fields.back() += line[++i];
    else if (c == '"')
      quoted = !quoted;
    else if (c == separator && !quoted)
      fields.emplace_back();
    else if (c != '\r')
      fields.back() += c;
  }
  return fields;
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t"), end = text.find_last_not_of(" \t%");
  return begin == std::string::npos || end == std::string::npos ? "" : text.substr(begin, end + 1 - begin);
}

// NaN for an empty field.
double number_in(const std::string& field, const std::string& source, std::size_t line,
                 const std::string& column) {
  const std::string text = trimmed(field);
  if (text.empty() || text == "nan" || text == "NaN" || text == "None") return NAN;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw input_error("{}:{}: column '{}': '{}' is not a number", source, line, column, text.substr(0, 40));
  return value;
}

char separator_of(const std::string& header) {
  char best = ',';
  for (const char c : {';', '\t'})
    if (std::count(header.begin(), header.end(), c) > std::count(header.begin(), header.end(), best))
      best = c;
  return best;
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

std::string text_of(const std::string& file) {
  std::error_code error;
  if (const auto size = fs::file_size(file, error); error || size > kLargestFile)
    throw input_error("{}: cannot be read, or is larger than {} MiB", file, kLargestFile >> 20U);
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

std::vector<std::string> artefact_files(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::exists(path, error)) throw input_error("{}: no such file or folder", path);
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    for (fs::recursive_directory_iterator entry(path, fs::directory_options::skip_permission_denied, error),
         end;
         !error && entry != end; entry.increment(error)) {
      const std::string ending = entry->path().extension().string();
      if ((ending == ".csv" || ending == ".json") && entry->is_regular_file(error))
        files.push_back(entry->path().string());
    }
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
}

// The row's run: by its columns of name, mode and ranks.
ImportedRun& run_of_row(std::map<std::string, std::size_t>& known, std::vector<ImportedRun>& runs,
                        const ImportedRun& like) {
  const std::string key = fmt::format("{}\n{}\n{}", like.name, like.mode, like.ranks);
  const auto [found, fresh] = known.emplace(key, runs.size());
  if (fresh) runs.push_back(like);
  return runs[found->second];
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
  std::istringstream lines(text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text);
  std::string line;
  if (!std::getline(lines, line)) throw input_error("{}: empty", source);
  const char separator = separator_of(line);
  const std::vector<Column> columns = columns_of(fields_of(line, separator), source);
  std::map<std::string, std::size_t> known;
  std::vector<ImportedRun> runs;
  for (std::size_t number = 2; std::getline(lines, line); ++number) {
    const std::vector<std::string> fields = fields_of(line, separator);
    if (fields.size() == 1 && trimmed(fields[0]).empty()) continue;
    if (fields.size() != columns.size())
      throw input_error("{}:{}: {} fields, the header has {}", source, number, fields.size(), columns.size());
    ImportedRun like{source, "", "", 0, {}, NAN};
    ImportedEpoch epoch{NAN, NAN, NAN, NAN, NAN};
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const Field field = columns[c].field;
      if (field == Field::none) continue;
      if (is_text(field)) {
        (field == Field::name ? like.name : like.mode) = trimmed(fields[c]);
        continue;
      }
      const double value = number_in(fields[c], source, number, columns[c].name);
      if (field == Field::ranks)
        like.ranks = value >= 1 && value < 1e6 ? static_cast<std::int64_t>(value) : 0;
      else
        set_value(epoch, field, value);
    }
    run_of_row(known, runs, like).epochs.push_back(epoch);
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
  for (const std::string& file : artefact_files(paths)) {
    try {
      const std::string text = text_of(file);
      std::vector<ImportedRun> found =
          file.ends_with(".json") ? runs_of_json(text, file) : runs_of_csv(text, file);
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
