#include "data/word_vectors.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "data/input_file.hpp"

namespace lockstep {

namespace {

// The lines of a file, one after the other, in memory of a few megabytes however large it is.
class LineReader {
 public:
  explicit LineReader(const std::string& path) : file_(path), bytes_(file_), buffer_(kPiece) {}

  bool next(std::string_view& line) {
    while (true) {
      const char* first = buffer_.data() + begin_;
      const auto* end = static_cast<const char*>(std::memchr(first, '\n', end_ - begin_));
      if (end == nullptr && !ended_) {
        refill();
        continue;
      }
      if (end == nullptr && begin_ == end_) return false;
      line = {first, end == nullptr ? end_ - begin_ : static_cast<std::size_t>(end - first)};
      begin_ = std::min(begin_ + line.size() + 1, end_);
      while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
      return true;
    }
  }

 private:
  static constexpr std::size_t kPiece = std::size_t{1} << 22;

  void refill() {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (buffer_.size() - end_ < kPiece / 2) buffer_.resize(2 * buffer_.size());
    const std::size_t got = bytes_.read(buffer_.data() + end_, buffer_.size() - end_);
    ended_ = got == 0;
    end_ += got;
  }

  MappedFile file_;
  ByteReader bytes_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  bool ended_ = false;
};

bool read_number(std::string_view text, float& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

std::int64_t columns_of(std::string_view line) { return std::count(line.begin(), line.end(), ' '); }

class Reader {
 public:
  Reader(const std::string& path, const std::vector<std::string>& words) : path_(path) {
    for (const std::string& word : words) rows_.emplace(word, rows_.size());
    vectors_.has.resize(words.size());
  }

  WordVectors read() {
    LineReader lines(path_);
    std::string_view line;
    while (lines.next(line)) {
      ++line_;
      if (line_ == 1) begin(columns_of(line));
      take(line);
    }
    if (line_ == 0)
      throw input_error("'{}' is empty; data.embeddings needs a word and its numbers a line", path_);
    return std::move(vectors_);
  }

 private:
  void begin(std::int64_t columns) {
    if (columns < 2)
      throw input_error(
          "{}:1: a word and its numbers belong here, not {} columns; a line that counts words and "
          "columns, as other formats have, must be taken out",
          path_, columns + 1);
    vectors_.width = columns;
    vectors_.values.resize(vectors_.has.size() * static_cast<std::size_t>(columns));
  }

  void take(std::string_view line) {
    const std::int64_t columns = columns_of(line);
    if (columns != vectors_.width) {
      if (columns > vectors_.width && is_word_with_spaces(line, columns - vectors_.width)) return;
      throw input_error("{}:{}: {} numbers, but the first line has {}", path_, line_, columns,
                        vectors_.width);
    }
    const std::size_t space = line.find(' ');
    const auto found = rows_.find(line.substr(0, space));
    if (found == rows_.end() || vectors_.has[found->second] != 0) return;
    vectors_.has[found->second] = 1;
    ++vectors_.found;
    line.remove_prefix(space + 1);
    float* out = vectors_.values.data() + found->second * static_cast<std::size_t>(vectors_.width);
    for (std::int64_t i = 0; i < vectors_.width; ++i) {
      const std::size_t end = std::min(line.find(' '), line.size());
      if (!read_number(line.substr(0, end), out[i]))
        throw input_error("{}:{}: '{}' is no number", path_, line_, line.substr(0, end));
      line.remove_prefix(std::min(end + 1, line.size()));
    }
  }

  // Whether the columns before the last `width` are parts of a word, and not one number too many.
  static bool is_word_with_spaces(std::string_view line, std::int64_t more) {
    std::string_view last;
    for (std::int64_t i = 0; i <= more; ++i) {
      const std::size_t end = line.find(' ');
      last = line.substr(0, end);
      line.remove_prefix(end + 1);
    }
    float ignored = 0;
    return !read_number(last, ignored);
  }

  std::string path_;
  std::unordered_map<std::string_view, std::size_t> rows_;
  WordVectors vectors_;
  std::int64_t line_ = 0;
};

}  // namespace

WordVectors read_word_vectors(const std::string& path, const std::vector<std::string>& words) {
  return Reader(path, words).read();
}

}  // namespace lockstep
