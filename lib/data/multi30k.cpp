// Multi30k, and any parallel text in the same layout: train, val and test_2016_flickr, a file a language and
// a sentence a line, line k of one being the translation of line k of the other.
#include <algorithm>
#include <memory>
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
#include "data/text_input.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kMinFreq = 2;  // of the published setting
const std::vector<std::string> kReserved = {"<pad>", "<unk>", "<bos>", "<eos>"};

struct TextFile {
  std::string path;
  std::shared_ptr<const std::string> content;
  std::vector<std::string_view> lines;  // of content

  TextRows rows(std::int64_t most) const {
    const auto count = static_cast<std::int64_t>(lines.size());
    return {path, most > 0 ? std::min(count, most) : count,
            [this](std::int64_t row, std::string& out) { out = lines[static_cast<std::size_t>(row)]; }};
  }
};

void check_line(const TextFile& file, std::string_view line) {
  const auto place = [&] { return fmt::format("{}:{}", file.path, file.lines.size()); };
  if (line.size() > kLongestText) refuse_long_text(place());
  if (line.find_first_not_of(" \t\r\v\f") == std::string_view::npos)
    throw input_error("{}: the line is empty; take it out of the files of both languages", place());
}

TextFile read_file(const RunConfig& config, const std::string& name, Digest& digest,
                   std::vector<std::string>& notes) {
  TextFile file{require_raw_or_gzip(config, config.data.path + "/" + name), {}, {}};
  file.content = std::make_shared<const std::string>(read_whole(file.path, config.data.max_bytes));
  digest.add(*file.content);
  require_plain_text(*file.content, file.path);
  for (std::string_view rest = without_mark(*file.content); !rest.empty();) {
    file.lines.push_back(take_line(rest));
    check_line(file, file.lines.back());
  }
  if (file.lines.empty()) throw input_error("'{}' is empty; fetch it again", file.path);
  if (file.lines.size() == 1 && file.lines[0].find('\r') != std::string_view::npos)
    throw input_error("'{}' ends its lines with only carriage returns; convert it: tr '\\r' '\\n'",
                      file.path);
  if (std::string note = encoding_note(*file.content, file.path); !note.empty())
    notes.push_back(std::move(note));
  return file;
}

struct Files {
  TextFile source, target;
};

Files read_split(const RunConfig& config, const std::string& name, Digest& digest,
                 std::vector<std::string>& notes) {
  const auto& languages = config.data.languages;
  Files files{read_file(config, name + "." + languages.at(0), digest, notes),
              read_file(config, name + "." + languages.at(1), digest, notes)};
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
