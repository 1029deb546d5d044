#include "data/vocabulary.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/error.hpp"
#include "base/parallel_for.hpp"
#include "base/special_tokens.hpp"
#include "data/basic_english.hpp"

namespace lockstep {

namespace {

struct Spelling {
  using is_transparent = void;
  std::size_t operator()(std::string_view word) const { return std::hash<std::string_view>{}(word); }
};
using WordCounts = std::unordered_map<std::string, std::int64_t, Spelling, std::equal_to<>>;

WordCounts count_words(const TextRows& texts, std::span<const std::int64_t> rows, int threads) {
  WordCounts total;
  std::mutex mutex;
  parallel_for(rows.size(), threads, [&](std::size_t begin, std::size_t end) {
    WordCounts counts;
    std::string text, scratch;
    for (const std::int64_t row : rows.subspan(begin, end - begin)) {
      texts.text(row, text);
      for_each_basic_english_token(text, scratch, [&](std::string_view word) {
        const auto found = counts.find(word);
        if (found != counts.end())
          ++found->second;
        else
          counts.emplace(word, 1);
      });
    }
    const std::lock_guard lock(mutex);
    for (const auto& [word, count] : counts) total[word] += count;
  });
  return total;
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> words)
    : words_(std::make_shared<const std::vector<std::string>>(std::move(words))) {
  ids_.reserve(words_->size());
  for (const std::string& word : *words_) ids_.emplace(word, static_cast<std::int32_t>(ids_.size()));
}

std::int32_t Vocabulary::id_of(std::string_view word) const {
  const auto found = ids_.find(word);
  return found == ids_.end() ? static_cast<std::int32_t>(kUnknownToken) : found->second;
}

Vocabulary count_vocabulary(const TextRows& texts, std::span<const std::int64_t> rows,
                            const VocabularyRules& rules, int threads) {
  const auto reserved = static_cast<std::int64_t>(rules.reserved.size());
  if (rules.max_size <= reserved || rules.max_size > INT32_MAX)
    throw input_error("data.vocabulary must be between {} and {}, not {}", reserved + 1, INT32_MAX,
                      rules.max_size);
  const WordCounts counts = count_words(texts, rows, threads);
  std::vector<std::pair<std::int64_t, std::string_view>> frequent;
  for (const auto& [word, count] : counts)
    if (count >= rules.min_freq) frequent.emplace_back(-count, word);
  std::sort(frequent.begin(), frequent.end());
  if (frequent.empty())
    throw input_error("no word of '{}' occurs {} times; lower data.min_freq", texts.path, rules.min_freq);
  frequent.resize(std::min(frequent.size(), static_cast<std::size_t>(rules.max_size - reserved)));
  std::vector<std::string> words = rules.reserved;
  for (const auto& [count, word] : frequent) words.emplace_back(word);
  return Vocabulary(std::move(words));
}

}  // namespace lockstep
