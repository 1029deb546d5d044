// Multi30k, and any parallel text in the same layout: train, val and test_2016_flickr, a file a language and
// a sentence a line, line k of one being the translation of line k of the other.
#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/special_tokens.hpp"
#include "data/array_dataset.hpp"
#include "data/basic_english.hpp"
#include "data/input_file.hpp"
#include "data/pair_dataset.hpp"
#include "data/sources.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kMinFreq = 2;  // of the published setting
const std::vector<std::string> kReserved = {"<pad>", "<unk>", "<bos>", "<eos>"};

struct TextFile {
  std::string path;
  std::vector<std::string> lines;

  TextRows rows(std::int64_t most) const {
    const auto count = static_cast<std::int64_t>(lines.size());
    return {path, most > 0 ? std::min(count, most) : count,
            [this](std::int64_t row, std::string& out) { out = lines[static_cast<std::size_t>(row)]; }};
  }
};

TextFile read_file(const RunConfig& config, const std::string& name, Digest& digest) {
  TextFile file{require_raw_or_gzip(config, config.data.path + "/" + name), {}};
  const std::string content = read_whole(file.path);
  digest.add(content);
  std::string_view rest = content;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    file.lines.emplace_back(line);
    if (line.find_first_not_of(" \t\r\v\f") == std::string_view::npos)
      throw input_error("{}:{}: the line is empty; take it out of the files of both languages", file.path,
                        file.lines.size());
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (file.lines.empty()) throw input_error("'{}' is empty; fetch it again", file.path);
  return file;
}

struct Files {
  TextFile source, target;
};

Files read_split(const RunConfig& config, const std::string& name, Digest& digest) {
  const auto& languages = config.data.languages;
  Files files{read_file(config, name + "." + languages.at(0), digest),
              read_file(config, name + "." + languages.at(1), digest)};
  if (files.source.lines.size() != files.target.lines.size())
    throw input_error(
        "'{}' has {} lines, but '{}' has {}; line k of one must be the translation of line k "
        "of the other",
        files.source.path, files.source.lines.size(), files.target.path, files.target.lines.size());
  return files;
}

Vocabulary count_words(const RunConfig& config, const TextFile& file, int threads) {
  const TextRows texts = file.rows(config.data.max_train_rows);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(texts.rows));
  std::iota(rows.begin(), rows.end(), 0);
  const VocabularyRules rules{config.data.min_freq.value_or(kMinFreq), config.data.vocabulary, kReserved};
  return count_vocabulary(texts, rows, rules, threads);
}

// A sentence that is too long loses its last words, never its <eos>.
Sentences encode(TextFile file, const Vocabulary& vocabulary, std::int64_t max_length) {
  Sentences side;
  std::string scratch;
  const auto words = static_cast<std::size_t>(max_length - 2);
  for (const std::string& line : file.lines) {
    auto& tokens = side.rows.tokens;
    tokens.push_back(static_cast<std::int32_t>(kBeginToken));
    const std::size_t full = tokens.size() + words;
    for_each_basic_english_token(line, scratch, [&](std::string_view word) {
      if (tokens.size() < full) tokens.push_back(vocabulary.id_of(word));
    });
    tokens.push_back(static_cast<std::int32_t>(kEndToken));
    side.rows.end_row();
  }
  side.texts = std::move(file.lines);
  return side;
}

std::shared_ptr<const PairSplit> encode(Files files, const Vocabulary& source, const Vocabulary& target,
                                        std::int64_t max_length) {
  return std::make_shared<const PairSplit>(PairSplit{encode(std::move(files.source), source, max_length),
                                                     encode(std::move(files.target), target, max_length)});
}

std::shared_ptr<const DatasetInfo> describe(const RunConfig& config, const Vocabulary& source,
                                            const Vocabulary& target, const Lengths& longest,
                                            Digest& digest) {
  const auto& data = config.data;
  digest.add(data.languages[0]).add(data.languages[1]).add_value(data.max_length);
  digest.add_value(data.min_freq.value_or(kMinFreq))
      .add_value(data.vocabulary)
      .add_value(data.max_train_rows);
  auto info = std::make_shared<DatasetInfo>();
  info->name = data.name;
  info->kind = SampleKind::pairs;
  info->sample_shape = {longest.input};
  info->target_shape = {longest.target};
  info->vocabulary = source.size();
  info->target_vocabulary = target.size();
  info->words = source.words();
  info->target_words = target.words();
  info->digest = digest.hex();
  return info;
}

}  // namespace

DataSplits load_multi30k(const RunConfig& config, int threads) {
  require_folder(config, config.data.path, "train, val and test_2016_flickr in two languages");
  check_pair_length(config);
  Digest digest;
  Files train = read_split(config, "train", digest), validation = read_split(config, "val", digest),
        test = read_split(config, "test_2016_flickr", digest);
  const Vocabulary source = count_words(config, train.source, threads),
                   target = count_words(config, train.target, threads);
  const std::int64_t most = config.data.max_length;
  const std::shared_ptr<const PairSplit> splits[] = {encode(std::move(train), source, target, most),
                                                     encode(std::move(validation), source, target, most),
                                                     encode(std::move(test), source, target, most)};
  Lengths longest;
  for (const auto& split : splits)
    longest = {std::max(longest.input, split->source.rows.longest()),
               std::max(longest.target, split->target.rows.longest())};
  const auto info = describe(config, source, target, longest, digest);
  const auto dataset = [&](const std::shared_ptr<const PairSplit>& split, std::int64_t max_rows) {
    return pair_dataset(info, split, split_rows(split->source.rows.rows(), max_rows, 0, 0).train);
  };
  DataSplits result;
  result.train = dataset(splits[0], config.data.max_train_rows);
  result.validation = dataset(splits[1], 0);
  result.test = dataset(splits[2], 0);
  return result;
}

}  // namespace lockstep
