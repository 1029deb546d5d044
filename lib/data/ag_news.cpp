// AG News, and any labelled text in the same CSV layout: one class number, one or two texts a row.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "data/array_dataset.hpp"
#include "data/basic_english.hpp"
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

std::unique_ptr<TextEncoder> make_encoder(const RunConfig& config, const CsvTable& train, int threads) {
  const auto& data = config.data;
  if (data.tokenizer == Tokenizer::hash) return hash_encoder(data.vocabulary);
  // Words that only held-out rows use are unknown, as words of the test split are.
  const auto rows = split_rows(static_cast<std::int64_t>(train.rows.size()), data.max_train_rows,
                               data.validation, config.run.seed);
  return basic_english_encoder(train, rows.train, data.min_freq.value_or(1), data.vocabulary, threads);
}

EncodedData build(const RunConfig& config, const Files& files, int threads) {
  EncodedData data;
  data.class_names = lines_of(files.classes);
  const CsvTable train = parse_csv(files.train.bytes(), files.train.path(),
                                   static_cast<std::int64_t>(data.class_names.size()), threads);
  if (data.class_names.empty()) data.class_names = number_classes(train);
  data.classes = static_cast<std::int64_t>(data.class_names.size());
  const CsvTable test = parse_csv(files.test.bytes(), files.test.path(), data.classes, threads);
  if (test.text_fields != train.text_fields)
    throw input_error("'{}' has {} fields a row, but '{}' has {}", test.path, test.text_fields + 1,
                      train.path, train.text_fields + 1);
  const auto encoder = make_encoder(config, train, threads);
  data.text = true;
  data.sample_shape = {config.data.max_length};
  data.vocabulary = encoder->vocabulary();
  data.train = encode_table(train, *encoder, config.data.max_length, threads);
  data.test = encode_table(test, *encoder, config.data.max_length, threads);
  return data;
}

// Everything that the encoded rows follow from.
std::string content_digest(const RunConfig& config, const Files& files) {
  const auto& data = config.data;
  Digest digest;
  digest.add(files.train.bytes()).add(files.test.bytes()).add(files.classes);
  digest.add_value(data.max_length).add_value(data.tokenizer).add_value(data.vocabulary);
  if (data.tokenizer == Tokenizer::basic_english) {
    digest.add_value(data.min_freq.value_or(1)).add_value(data.max_train_rows).add_value(data.validation);
    if (data.validation > 0) digest.add_value(config.run.seed);
  }
  return digest.hex();
}

}  // namespace

DataSplits load_ag_news(const RunConfig& config, int threads) {
  if (config.data.max_length < 1)
    throw input_error("{} must be at least 1, not {}", config.place("data.max_length"),
                      config.data.max_length);
  if (config.data.tokenizer == Tokenizer::hash && config.data.min_freq.value_or(1) > 1)
    throw input_error("{} means nothing to data.tokenizer hash, which counts no words; remove it",
                      config.place("data.min_freq"));
  const Files files = open_files(config);
  const std::string digest = content_digest(config, files);
  std::vector<std::string> notes;
  const EncodedData data = cached(config, digest, notes, [&] { return build(config, files, threads); });
  DataSplits splits = split_encoded(data, config, {}, digest);
  splits.notes = std::move(notes);
  return splits;
}

}  // namespace lockstep
