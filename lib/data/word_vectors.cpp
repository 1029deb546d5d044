#include "data/word_vectors.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "base/machine_memory.hpp"
#include "data/line_reader.hpp"
#include "data/text_input.hpp"

namespace lockstep {

namespace {

bool separates(char c) { return c == ' ' || c == '\t'; }

std::int64_t columns_of(std::string_view line) { return std::count_if(line.begin(), line.end(), separates); }

// The column that `line` begins with, which it takes away.
std::string_view take_column(std::string_view& line) {
  const auto* const end = std::find_if(line.begin(), line.end(), separates);
  const std::string_view column = line.substr(0, static_cast<std::size_t>(end - line.begin()));
  line.remove_prefix(std::min(column.size() + 1, line.size()));
  return column;
}

// As from_chars, but that a plus may stand before it and that what is too small for a float is 0.
bool read_number(std::string_view text, float& value) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const char* const stop = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), stop, value);
  if (text.empty() || end != stop) return false;
  if (error == std::errc()) return std::isfinite(value);
  // Out of range is too large or too small; a double tells, and beyond its range the exponent's sign.
  double wide = 0;
  const bool known = std::from_chars(text.data(), stop, wide).ec == std::errc();
  if (known ? std::abs(wide) > 1 : text.find('-', 1) == std::string_view::npos) return false;
  value = 0;
  return true;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size() && value > 0;
  return whole ? std::optional(value) : std::nullopt;
}

// How many columns at the end of a line are numbers. The first is the word, whatever it is.
std::int64_t numbers_at_end(std::string_view line) {
  std::int64_t numbers = 0;
  for (take_column(line); !line.empty();) {
    float ignored = 0;
    numbers = read_number(take_column(line), ignored) ? numbers + 1 : 0;
  }
  return numbers;
}

class Reader {
 public:
  Reader(const std::string& path, const std::vector<std::string>& words, const VectorRules& rules)
      : path_(path), rules_(rules) {
    for (const std::string& word : words) rows_.emplace(word, rows_.size());
    vectors_.has.resize(words.size());
  }

  WordVectors read() {
    LineReader lines(path_, rules_.max_bytes);
    std::string_view line;
    while (lines.next(line)) {
      line_ = lines.number();
      while (line.ends_with(' ') || line.ends_with('\t') || line.ends_with('\r')) line.remove_suffix(1);
      if (line_ == 1 && read_counts(line)) continue;
      if (vectors_.width == 0) begin(line);
      if (rules_.width > 0 && vectors_.width != rules_.width) return std::move(vectors_);
      take(line);
    }
    if (vectors_.width == 0)
      throw input_error("'{}' is empty; data.embeddings needs one word with its numbers per line", path_);
    check_counts();
    return std::move(vectors_);
  }

 private:
  // A first line of two whole numbers says how many words and columns follow (word2vec, fastText).
  bool read_counts(std::string_view line) {
    const auto words = whole_number(take_column(line)), width = whole_number(line);
    if (!words || !width) return false;
    promised_words_ = *words;
    promised_width_ = *width;
    return true;
  }

  void begin(std::string_view line) {
    vectors_.width = promised_width_ > 0 ? promised_width_ : numbers_at_end(line);
    if (vectors_.width < 2)
      throw input_error("{}:{}: a word and two or more numbers belong here, not '{}'", path_, line_,
                        line.substr(0, 40));
    if (rules_.width > 0 && vectors_.width != rules_.width) return;
    const double bytes =
        static_cast<double>(vectors_.has.size()) * static_cast<double>(vectors_.width) * sizeof(float);
    require_memory(bytes, machine_memory_bytes(), fmt::format("the vectors of '{}'", path_));
    vectors_.values.resize(vectors_.has.size() * static_cast<std::size_t>(vectors_.width));
  }

  void take(std::string_view line) {
    const std::int64_t columns = columns_of(line);
    ++lines_;
    if (columns != vectors_.width) {
      if (columns > vectors_.width && is_word_with_spaces(line, columns - vectors_.width)) return;
      throw input_error("{}:{}: {} numbers, but {}", path_, line_, columns, other_lines());
    }
    const std::string_view word = take_column(line);
    note_encoding(word);
    const auto found = rows_.find(word);
    if (found == rows_.end() || vectors_.has[found->second] != 0) return;
    vectors_.has[found->second] = 1;
    ++vectors_.found;
    float* out = vectors_.values.data() + found->second * static_cast<std::size_t>(vectors_.width);
    for (std::int64_t i = 0; i < vectors_.width; ++i) {
      const std::string_view number = take_column(line);
      if (!read_number(number, out[i]))
        throw input_error("{}:{}: '{}' is not a number", path_, line_, number.substr(0, 40));
    }
  }

  // Of the first word alone that is not UTF-8.
  void note_encoding(std::string_view word) {
    if (noted_) return;
    std::string note = encoding_note(word, path_, line_);
    noted_ = !note.empty();
    if (noted_) vectors_.notes.push_back(std::move(note));
  }

  std::string other_lines() const {
    return promised_width_ > 0 ? fmt::format("line 1 promises {}", vectors_.width)
                               : fmt::format("the first line has {}", vectors_.width);
  }

  // Whether the columns before the last `width` are parts of a word, and not one number too many.
  static bool is_word_with_spaces(std::string_view line, std::int64_t more) {
    std::string_view last;
    for (std::int64_t i = 0; i <= more; ++i) last = take_column(line);
    float ignored = 0;
    return !read_number(last, ignored);
  }

  void check_counts() {
    if (promised_words_ == 0 || lines_ == promised_words_) return;
    vectors_.notes.push_back(
        fmt::format("{}: line 1 promises {} words, but there are {}; is the file "
                    "truncated?",
                    path_, promised_words_, lines_));
  }

  std::string path_;
  VectorRules rules_;
  std::unordered_map<std::string_view, std::size_t> rows_;
  WordVectors vectors_;
  std::int64_t line_ = 0, lines_ = 0;  // the one being read, and how many of words there were
  std::int64_t promised_words_ = 0, promised_width_ = 0;
  bool noted_ = false;
};

}  // namespace

WordVectors read_word_vectors(const std::string& path, const std::vector<std::string>& words,
                              const VectorRules& rules) {
  return Reader(path, words, rules).read();
}

}  // namespace lockstep
