#include "data/registry.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.hpp"
#include "base/suggestions.hpp"
#include "data/input_file.hpp"
#include "data/sources.hpp"

namespace lockstep {

namespace {

// The sets that scripts/get-data knows.
constexpr std::array<std::string_view, 6> kFetched = {"mnist",   "fashion_mnist", "cifar10",
                                                      "ag_news", "imdb",          "multi30k"};

// Which keys belong to some data sets only, and whether a configuration has them at another value than the
// default: a key that does nothing must not look as if it did.
struct OwnKey {
  const char* key;
  bool (*changed)(const RunConfig::Data& data, const RunConfig::Data& fresh);
};

const std::vector<OwnKey>& own_keys() {
  using Data = RunConfig::Data;
  static const std::vector<OwnKey> keys = {
      {"path", [](const Data& d, const Data& f) { return d.path != f.path; }},
      {"cache", [](const Data& d, const Data& f) { return d.cache != f.cache && d.cache != "none"; }},
      {"max_bytes", [](const Data& d, const Data& f) { return d.max_bytes != f.max_bytes; }},
      {"max_length", [](const Data& d, const Data& f) { return d.max_length != f.max_length; }},
      {"tokenizer", [](const Data& d, const Data& f) { return d.tokenizer != f.tokenizer; }},
      {"vocabulary", [](const Data& d, const Data& f) { return d.vocabulary != f.vocabulary; }},
      {"min_freq", [](const Data& d, const Data& f) { return d.min_freq != f.min_freq; }},
      {"batching", [](const Data& d, const Data& f) { return d.batching != f.batching; }},
      {"embeddings", [](const Data& d, const Data& f) { return d.embeddings != f.embeddings; }},
      {"languages", [](const Data& d, const Data& f) { return d.languages != f.languages; }},
      {"test_share", [](const Data& d, const Data& f) { return d.test_share != f.test_share; }},
      {"normalise", [](const Data& d, const Data& f) { return d.normalise != f.normalise; }},
      {"resize", [](const Data& d, const Data& f) { return d.resize != f.resize; }},
      {"crop_padding", [](const Data& d, const Data& f) { return d.crop_padding != f.crop_padding; }},
      {"flip", [](const Data& d, const Data& f) { return d.flip != f.flip; }},
      {"rotation", [](const Data& d, const Data& f) { return d.rotation != f.rotation; }},
      {"samples", [](const Data& d, const Data& f) { return d.samples != f.samples; }},
      {"test_samples", [](const Data& d, const Data& f) { return d.test_samples != f.test_samples; }},
      {"classes", [](const Data& d, const Data& f) { return d.classes != f.classes; }},
      {"shape", [](const Data& d, const Data& f) { return d.shape != f.shape; }},
  };
  return keys;
}

void check_keys(const RunConfig& config, const DataSetRow& row) {
  const RunConfig::Data fresh;
  for (const OwnKey& own : own_keys()) {
    const bool taken = std::find(row.keys.begin(), row.keys.end(), own.key) != row.keys.end();
    if (taken || !own.changed(config.data, fresh)) continue;
    throw input_error("{} means nothing to data set '{}', which takes {}; remove it",
                      config.place(fmt::format("data.{}", own.key)), row.name, fmt::join(row.keys, ", "));
  }
  // The user did not ask for its default, and 0 only states what is the case anyway.
  const bool asked = config.given.contains("data.validation") || config.data.validation != fresh.validation;
  if (row.own_validation && asked && config.data.validation != 0)
    throw input_error("{} means nothing to data set '{}', which has a validation split of its own; remove it",
                      config.place("data.validation"), row.name);
}

}  // namespace

const std::vector<DataSetRow>& data_set_rows() {
  static const std::vector<DataSetRow> rows = {
      {"mnist",
       "handwritten digits, or any IDX files of that layout, raw or .gz",
       {"path", "cache", "max_bytes", "normalise", "resize", "crop_padding", "flip", "rotation"},
       load_mnist},
      {"fashion_mnist",
       "articles of clothing, IDX; path defaults to Debian's package dataset-fashion-mnist",
       {"path", "cache", "max_bytes", "normalise", "resize", "crop_padding", "flip", "rotation"},
       load_fashion_mnist},
      {"cifar10",
       "photographs of ten kinds of things, binary version",
       {"path", "cache", "max_bytes", "normalise", "resize", "crop_padding", "flip", "rotation"},
       load_cifar10},
      {"ag_news",
       "train.csv and test.csv of class, title, description; any number of classes",
       {"path", "cache", "max_bytes", "max_length", "batching", "tokenizer", "vocabulary", "min_freq",
        "embeddings"},
       load_ag_news},
      {"imdb",
       "film reviews: train and test folders of neg and pos, one .txt file per document",
       {"path", "cache", "max_bytes", "max_length", "batching", "tokenizer", "vocabulary", "min_freq",
        "embeddings"},
       load_imdb},
      {"multi30k",
       "German and English sentences, or any pair of languages in files of that layout, raw or .gz",
       {"path", "max_bytes", "max_length", "batching", "vocabulary", "min_freq", "languages"},
       load_multi30k,
       true},
      {"text_file",
       "any file, raw or .gz, as running text of bytes",
       {"path", "max_bytes", "max_length", "test_share"},
       load_text_file},
      {"synthetic_images",
       "images made from the seed",
       {"samples", "test_samples", "classes", "shape", "normalise", "resize", "crop_padding", "flip",
        "rotation"},
       load_synthetic_images},
      {"synthetic_text",
       "token ids made from the seed",
       {"samples", "test_samples", "classes", "max_length", "batching", "vocabulary"},
       load_synthetic_text},
      {"synthetic_tokens",
       "running text made from the seed",
       {"samples", "test_samples", "max_length", "vocabulary"},
       load_synthetic_tokens},
      {"synthetic_pairs",
       "sentences and their reversal, made from the seed",
       {"samples", "test_samples", "max_length", "batching", "vocabulary"},
       load_synthetic_pairs},
  };
  return rows;
}

const DataSetRow& find_data_set(const RunConfig& config) {
  std::vector<std::string> names;
  for (const DataSetRow& row : data_set_rows()) {
    if (row.name == config.data.name) return row;
    names.push_back(row.name);
  }
  throw input_error("{}: unknown data set '{}'{}; there are {}", config.place("data.name"), config.data.name,
                    did_you_mean(config.data.name, names), fmt::join(names, ", "));
}

namespace {

// What to do about files that are not there.
std::string remedy(const RunConfig& config, const std::string& folder) {
  const std::string& name = config.data.name;
  const bool fetched = std::find(kFetched.begin(), kFetched.end(), name) != kFetched.end();
  if (!fetched) return "correct data.path";
  return fmt::format("run scripts/get-data {} {}, or set data.path", name, folder.empty() ? "DIR" : folder);
}

}  // namespace

void require_folder(const RunConfig& config, const std::string& folder, const std::string& content) {
  if (folder.empty())
    throw input_error("{} is missing: data set '{}' needs the folder with {}; {}", config.place("data.path"),
                      config.data.name, content, remedy(config, folder));
  if (!is_folder(folder))
    throw input_error("{}: there is no folder '{}'; data set '{}' needs the one with {}; {}",
                      config.place("data.path"), folder, config.data.name, content, remedy(config, folder));
}

void require_file(const RunConfig& config, const std::string& file) {
  if (!is_there(file))
    throw input_error("{}: '{}' does not exist; {}", config.place("data.path"), file,
                      remedy(config, config.data.path));
}

std::string require_raw_or_gzip(const RunConfig& config, const std::string& file) {
  for (const std::string& candidate : {file, file + ".gz"})
    if (is_there(candidate)) return candidate;
  throw input_error("{}: neither '{}' nor '{}.gz' exists; {}", config.place("data.path"), file, file,
                    remedy(config, config.data.path));
}

void check_pair_length(const RunConfig& config) {
  if (config.data.max_length < 3)
    throw input_error("{} must be at least 3, for <bos>, a word and <eos>, not {}",
                      config.place("data.max_length"), config.data.max_length);
}

DataSplits load_data(const RunConfig& config, int threads) {
  const DataSetRow& row = find_data_set(config);
  check_keys(config, row);
  if (!(config.data.validation >= 0 && config.data.validation < 1))
    throw input_error("{} must be at least 0 and below 1, not {}", config.place("data.validation"),
                      config.data.validation);
  return row.load(config, std::max(threads, 1));
}

}  // namespace lockstep
