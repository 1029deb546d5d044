#include "data/synthetic_sequences.hpp"

#include <algorithm>
#include <utility>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/machine_memory.hpp"
#include "base/parallel_for.hpp"
#include "base/random.hpp"
#include "base/special_tokens.hpp"
#include "data/array_dataset.hpp"
#include "data/encoded_data.hpp"
#include "data/sources.hpp"

namespace lockstep {

namespace {

enum Purpose : std::uint64_t { kSuccessors = 0x737563, kTokens = 0x746f6b, kPairs = 0x706169 };

constexpr std::int64_t kFirstWord = kEndToken + 1;

std::uint64_t uint64(std::int64_t value) { return static_cast<std::uint64_t>(value); }

void check_vocabulary(const RunConfig& config, std::int64_t least) {
  if (config.data.vocabulary < least || config.data.vocabulary > INT32_MAX)
    throw input_error("{} must be between {} and {}, not {}", config.place("data.vocabulary"), least,
                      INT32_MAX, config.data.vocabulary);
  const auto& data = config.data;
  const double tokens =
      static_cast<double>(data.samples + data.test_samples) * static_cast<double>(data.max_length);
  constexpr double kTokensOfAWord = 16;  // what its name and its successors take
  require_memory(sizeof(std::int32_t) * (tokens + kTokensOfAWord * static_cast<double>(data.vocabulary)),
                 machine_memory_bytes(),
                 fmt::format("{}: data.samples, data.test_samples and data.vocabulary with this length",
                             config.place("data.max_length")));
}

std::string settings_digest(const RunConfig& config) {
  const auto& data = config.data;
  Digest digest;
  digest.add_value(config.run.seed).add_value(data.samples).add_value(data.test_samples);
  return digest.add_value(data.max_length).add_value(data.vocabulary).hex();
}

std::vector<std::int32_t> sentence(RandomStream& stream, std::int64_t most, std::int64_t vocabulary) {
  std::vector<std::int32_t> words(1 + stream.below(uint64(most)));
  for (std::int32_t& word : words) {
    const double u = stream.uniform();
    word = static_cast<std::int32_t>(
        kFirstWord + static_cast<std::int64_t>(u * u * static_cast<double>(vocabulary - kFirstWord)));
  }
  return words;
}

void append_sentence(const std::vector<std::int32_t>& words, TokenRows& rows) {
  rows.tokens.push_back(static_cast<std::int32_t>(kBeginToken));
  rows.tokens.insert(rows.tokens.end(), words.begin(), words.end());
  rows.tokens.push_back(static_cast<std::int32_t>(kEndToken));
  rows.end_row();
}

// "<pad>", ..., then "w4", "w5", ...
std::shared_ptr<const std::vector<std::string>> word_names(std::int64_t vocabulary) {
  auto words = std::make_shared<std::vector<std::string>>(
      std::vector<std::string>{"<pad>", "<unk>", "<bos>", "<eos>"});
  for (std::int64_t id = kFirstWord; id < vocabulary; ++id) words->push_back(fmt::format("w{}", id));
  return words;
}

}  // namespace

RunningText synthetic_tokens(const RunConfig& config, bool test, int threads) {
  const auto& data = config.data;
  const auto first = random_permutation(data.vocabulary, RandomStream({config.run.seed, kSuccessors, 0})),
             second = random_permutation(data.vocabulary, RandomStream({config.run.seed, kSuccessors, 1}));
  const std::int64_t windows = test ? data.test_samples : data.samples;
  const std::int64_t count = windows * data.max_length + 1;
  const auto bytes = zeroed_bytes(static_cast<std::size_t>(count) * sizeof(std::int32_t));
  auto* tokens = reinterpret_cast<std::int32_t*>(bytes.get());
  // Each window has a stream of its own, so that they can be made in any order; the last token is one more.
  parallel_for(static_cast<std::size_t>(windows) + 1, threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t window = begin; window < end; ++window) {
      RandomStream stream({config.run.seed, kTokens, test ? 1U : 0U, window});
      const std::int64_t start = static_cast<std::int64_t>(window) * data.max_length;
      auto token = static_cast<std::int64_t>(stream.below(uint64(data.vocabulary)));
      for (std::int64_t at = start; at < std::min(start + data.max_length, count); ++at) {
        tokens[at] = static_cast<std::int32_t>(token);
        const std::uint64_t kind = stream.below(8);
        token = kind < 6    ? first[static_cast<std::size_t>(token)]
                : kind == 6 ? second[static_cast<std::size_t>(token)]
                            : static_cast<std::int64_t>(stream.below(uint64(data.vocabulary)));
      }
    }
  });
  return {bytes, sizeof(std::int32_t), count};
}

PairSplit synthetic_pairs(const RunConfig& config, bool test) {
  const auto& data = config.data;
  PairSplit split;
  for (std::int64_t row = 0; row < (test ? data.test_samples : data.samples); ++row) {
    RandomStream stream({config.run.seed, kPairs, test ? 1U : 0U, uint64(row)});
    auto words = sentence(stream, data.max_length - 2, data.vocabulary);
    append_sentence(words, split.source.rows);
    std::reverse(words.begin(), words.end());
    append_sentence(words, split.target.rows);
  }
  return split;
}

DataSplits load_synthetic_tokens(const RunConfig& config, int threads) {
  check_vocabulary(config, 2);
  return split_running_text(config, synthetic_tokens(config, false, threads),
                            synthetic_tokens(config, true, threads), config.data.vocabulary,
                            settings_digest(config));
}

DataSplits load_synthetic_pairs(const RunConfig& config, int) {
  const auto& data = config.data;
  check_vocabulary(config, kFirstWord + 1);
  check_pair_length(config);
  auto info = std::make_shared<DatasetInfo>();
  info->name = data.name;
  info->kind = SampleKind::pairs;
  info->sample_shape = info->target_shape = {data.max_length};
  info->vocabulary = info->target_vocabulary = data.vocabulary;
  info->words = info->target_words = word_names(data.vocabulary);
  Digest digest;
  digest.add(settings_digest(config))
      .add(data.name)
      .add_value(data.max_train_rows)
      .add_value(data.validation);
  info->digest = digest.hex();
  const auto train = std::make_shared<const PairSplit>(synthetic_pairs(config, false)),
             test = std::make_shared<const PairSplit>(synthetic_pairs(config, true));
  RowSplit rows = split_rows(data.samples, data.max_train_rows, data.validation, config.run.seed);
  DataSplits splits;
  splits.train = pair_dataset(info, train, std::move(rows.train));
  if (!rows.validation.empty()) splits.validation = pair_dataset(info, train, std::move(rows.validation));
  splits.test = pair_dataset(info, test, split_rows(data.test_samples, 0, 0, 0).train);
  return splits;
}

}  // namespace lockstep
