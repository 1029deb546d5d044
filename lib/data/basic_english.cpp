#include "data/basic_english.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "base/parallel_for.hpp"
#include "data/text_data.hpp"

namespace lockstep {

namespace {

constexpr std::int32_t kUnknown = 1, kFirstWord = 2;

struct Spelling {
  using is_transparent = void;
  std::size_t operator()(std::string_view word) const { return std::hash<std::string_view>{}(word); }
};
template <typename T>
using WordMap = std::unordered_map<std::string, T, Spelling, std::equal_to<>>;

bool separates(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == ';' || c == ':'; }
bool stands_alone(char c) {
  return c != '\0' && std::string_view("'.,()!?").find(c) != std::string_view::npos;
}

// In lower case, without the double quotes: what the later rules see.
void lower_without_quotes(std::string_view text, std::string& out) {
  out.clear();
  for (const char c : text)
    if (c != '"') out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
}

WordMap<std::int64_t> count_words(const CsvTable& table, std::span<const std::int64_t> rows, int threads) {
  WordMap<std::int64_t> total;
  std::mutex mutex;
  parallel_for(rows.size(), threads, [&](std::size_t begin, std::size_t end) {
    WordMap<std::int64_t> counts;
    std::string text, scratch;
    for (const std::int64_t row : rows.subspan(begin, end - begin)) {
      row_text(table, table.rows[static_cast<std::size_t>(row)], text);
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

class VocabularyEncoder final : public TextEncoder {
 public:
  explicit VocabularyEncoder(WordMap<std::int32_t> ids) : ids_(std::move(ids)) {}
  std::int64_t vocabulary() const override { return static_cast<std::int64_t>(ids_.size()) + kFirstWord; }
  void encode(std::string_view text, std::int32_t* out, std::size_t max_length) const override {
    std::string scratch;
    std::int32_t* const full = out + max_length;
    for_each_basic_english_token(text, scratch, [&](std::string_view word) {
      if (out == full) return;
      const auto found = ids_.find(word);
      *out++ = found == ids_.end() ? kUnknown : found->second;
    });
  }

 private:
  WordMap<std::int32_t> ids_;
};

}  // namespace

void for_each_basic_english_token(std::string_view text, std::string& scratch,
                                  const std::function<void(std::string_view)>& token) {
  constexpr std::string_view kBreak = "<br />";
  lower_without_quotes(text, scratch);
  const std::string_view all = scratch;
  std::size_t begin = 0;
  const auto end_word = [&](std::size_t end) {
    if (end > begin) token(all.substr(begin, end - begin));
  };
  for (std::size_t at = 0; at < all.size();) {
    const bool alone = stands_alone(all[at]),
               line_break = all[at] == '<' && all.substr(at).starts_with(kBreak);
    if (!alone && !line_break && !separates(all[at])) {
      ++at;
      continue;
    }
    end_word(at);
    if (alone) token(all.substr(at, 1));
    at += line_break ? kBreak.size() : 1;
    begin = at;
  }
  end_word(all.size());
}

std::unique_ptr<TextEncoder> basic_english_encoder(const CsvTable& table, std::span<const std::int64_t> rows,
                                                   std::int64_t min_freq, std::int64_t max_size,
                                                   int threads) {
  if (max_size <= kFirstWord || max_size > INT32_MAX)
    throw input_error("data.vocabulary must be between {} and {}, not {}", kFirstWord + 1, INT32_MAX,
                      max_size);
  const auto counts = count_words(table, rows, threads);
  std::vector<std::pair<std::int64_t, std::string_view>> words;
  for (const auto& [word, count] : counts)
    if (count >= min_freq) words.emplace_back(-count, word);
  std::sort(words.begin(), words.end());
  if (words.empty())
    throw input_error("no word of '{}' occurs {} times; lower data.min_freq", table.path, min_freq);
  words.resize(std::min(words.size(), static_cast<std::size_t>(max_size - kFirstWord)));
  WordMap<std::int32_t> ids;
  for (const auto& [count, word] : words)
    ids.emplace(word, static_cast<std::int32_t>(ids.size()) + kFirstWord);
  return std::make_unique<VocabularyEncoder>(std::move(ids));
}

}  // namespace lockstep
