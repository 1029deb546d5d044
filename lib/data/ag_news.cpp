// AG News, and any labelled text in the same CSV layout: one class number, one or two texts a row.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "data/array_dataset.hpp"
#include "data/cache.hpp"
#include "data/input_file.hpp"
#include "data/sources.hpp"
#include "data/text_data.hpp"

namespace lockstep {

namespace {

struct Files {
  MappedFile train, test;
  std::string classes;  // content of classes.txt, one name a line; empty where there is none
};

Files open_files(const RunConfig& config) {
  const std::string& folder = config.data.path;
  require_folder(config, folder, "train.csv and test.csv");
  for (const char* name : {"/train.csv", "/test.csv"}) require_file(config, folder + name);
  const std::string classes = folder + "/classes.txt";
  return {MappedFile(folder + "/train.csv"), MappedFile(folder + "/test.csv"),
          std::filesystem::exists(classes) ? std::string(MappedFile(classes).bytes()) : std::string()};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::string line;
  for (const char c : text + "\n") {
    if (c == '\r') continue;
    if (c != '\n') {
      line += c;
    } else if (!line.empty()) {
      lines.push_back(std::exchange(line, {}));
    }
  }
  return lines;
}

// Without a list of names the classes are what the training file holds; a gap is most likely a wrong number.
std::vector<std::string> number_classes(const CsvTable& train) {
  std::vector<bool> seen(static_cast<std::size_t>(train.largest_label) + 1);
  for (const CsvRow& row : train.rows) seen[static_cast<std::size_t>(row.label)] = true;
  const auto gap = std::find(seen.begin() + 1, seen.end(), false) - seen.begin();
  for (std::size_t row = 0; row < train.rows.size(); ++row)
    if (train.rows[row].label > gap)
      throw input_error("{}:{}: class {}, but no row has class {}: classes are numbered from 1 without a gap",
                        train.path, train.line_of(row), train.rows[row].label, gap);
  std::vector<std::string> names;
  for (std::int32_t label = 1; label <= train.largest_label; ++label) names.push_back(std::to_string(label));
  return names;
}

EncodedData build(const RunConfig& config, const Files& files, int threads) {
  std::vector<std::string> names = lines_of(files.classes);
  const CsvTable train =
      parse_csv(files.train.bytes(), files.train.path(), static_cast<std::int64_t>(names.size()), threads);
  if (names.empty()) names = number_classes(train);
  const auto classes = static_cast<std::int64_t>(names.size());
  const CsvTable test = parse_csv(files.test.bytes(), files.test.path(), classes, threads);
  if (test.text_fields != train.text_fields)
    throw input_error("'{}' has {} fields a row, but '{}' has {}", test.path, test.text_fields + 1,
                      train.path, train.text_fields + 1);
  EncodedData data = encode_labelled(config, labelled_texts(train), labelled_texts(test), threads);
  data.classes = classes;
  data.class_names = std::move(names);
  return data;
}

// Everything that the encoded rows follow from.
std::string content_digest(const RunConfig& config, const Files& files) {
  Digest digest;
  digest.add(files.train.bytes()).add(files.test.bytes()).add(files.classes);
  add_text_keys(config, digest);
  return digest.hex();
}

}  // namespace

DataSplits load_ag_news(const RunConfig& config, int threads) {
  check_text_keys(config);
  const Files files = open_files(config);
  const std::string digest = content_digest(config, files);
  std::vector<std::string> notes;
  const EncodedData data = cached(config, digest, notes, [&] { return build(config, files, threads); });
  DataSplits splits = split_encoded(data, config, {}, digest);
  splits.notes = std::move(notes);
  return splits;
}

}  // namespace lockstep
