// Vocabularies: words counted from the training split, and their ids.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace lockstep {

// Texts by row, wherever they lie.
struct TextRows {
  std::string path;  // for messages
  std::int64_t rows = 0;
  std::function<void(std::int64_t row, std::string& out)> text;  // replaces `out`; thread-safe
};

class Vocabulary {
 public:
  explicit Vocabulary(std::vector<std::string> words);  // the word of each id; none comes twice
  std::int64_t size() const { return static_cast<std::int64_t>(words_->size()); }
  std::int32_t id_of(std::string_view word) const;  // kUnknownToken where there is none
  const std::shared_ptr<const std::vector<std::string>>& words() const { return words_; }

 private:
  std::shared_ptr<const std::vector<std::string>> words_;
  std::unordered_map<std::string_view, std::int32_t> ids_;  // views of words_
};

struct VocabularyRules {
  std::int64_t min_freq = 1;                               // rarer words are left out
  std::int64_t max_size = 0;                               // ids in all
  std::vector<std::string> reserved = {"<pad>", "<unk>"};  // what the first ids stand for
};

// The basic_english words of the given rows, behind the reserved ones: the frequent first and those of equal
// frequency by spelling. Does not depend on `threads`. Error(bad_input) when max_size leaves no room, or no
// word is frequent enough.
Vocabulary count_vocabulary(const TextRows& texts, std::span<const std::int64_t> rows,
                            const VocabularyRules& rules, int threads);

}  // namespace lockstep
