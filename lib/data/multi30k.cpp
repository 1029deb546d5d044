// Multi30k, and any parallel text in the same layout: train, val and test_2016_flickr, a file a language and
// a sentence a line, line k of one being the translation of line k of the other.
#include <algorithm>
#include <memory>
#include <numeric>
#include <string_view>
#include <utility>

#include "base/digest.hpp"
#include "base/special_tokens.hpp"
#include "data/array_dataset.hpp"
#include "data/basic_english.hpp"
#include "data/pair_dataset.hpp"
#include "data/parallel_text.hpp"
#include "data/sources.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kMinFreq = 2;  // of the published setting
const std::vector<std::string> kReserved = {"<pad>", "<unk>", "<bos>", "<eos>"};

struct Files {
  SentenceFile source, target;
};

SentenceFile read_file(const RunConfig& config, const std::string& name, Digest& digest,
                       std::vector<std::string>& notes) {
  const std::string path = require_raw_or_gzip(config, config.data.path + "/" + name);
  SentenceFile file = read_sentences(path, config.data.max_bytes, notes);
  digest.add(*file.content);
  return file;
}

Files read_split(const RunConfig& config, const std::string& name, Digest& digest,
                 std::vector<std::string>& notes) {
  const auto& languages = config.data.languages;
  Files files{read_file(config, name + "." + languages.at(0), digest, notes),
              read_file(config, name + "." + languages.at(1), digest, notes)};
  require_parallel(files.source, files.target);
  return files;
}

TextRows rows_of(const SentenceFile& file, std::int64_t most) {
  const auto count = static_cast<std::int64_t>(file.lines.size());
  return {file.path, most > 0 ? std::min(count, most) : count,
          [&file](std::int64_t row, std::string& out) { out = file.lines[static_cast<std::size_t>(row)]; }};
}

Vocabulary count_words(const RunConfig& config, const SentenceFile& file, int threads) {
  const TextRows texts = rows_of(file, config.data.max_train_rows);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(texts.rows));
  std::iota(rows.begin(), rows.end(), 0);
  const VocabularyRules rules{config.data.min_freq.value_or(kMinFreq), config.data.vocabulary, kReserved};
  return count_vocabulary(texts, rows, rules, threads);
}

// A sentence that is too long loses its last words, never its <eos>.
Sentences encode(SentenceFile file, const Vocabulary& vocabulary, std::int64_t max_length) {
  Sentences side;
  std::string scratch;
  const auto words = static_cast<std::size_t>(max_length - 2);
  for (const std::string_view line : file.lines) {
    auto& tokens = side.rows.tokens;
    tokens.push_back(static_cast<std::int32_t>(kBeginToken));
    const std::size_t full = tokens.size() + words;
    for_each_basic_english_token(line, scratch, [&](std::string_view word) {
      if (tokens.size() < full) tokens.push_back(vocabulary.id_of(word));
    });
    tokens.push_back(static_cast<std::int32_t>(kEndToken));
    side.rows.end_row();
  }
  side.content = std::move(file.content);
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
  DataSplits result;
  Files train = read_split(config, "train", digest, result.notes),
        validation = read_split(config, "val", digest, result.notes),
        test = read_split(config, "test_2016_flickr", digest, result.notes);
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
  result.train = dataset(splits[0], config.data.max_train_rows);
  result.validation = dataset(splits[1], 0);
  result.test = dataset(splits[2], 0);
  return result;
}

}  // namespace lockstep
