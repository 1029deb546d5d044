#include "data/line_reader.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "data/text_input.hpp"

namespace lockstep {

namespace {
constexpr std::size_t kPiece = std::size_t{1} << 22;
}

LineReader::LineReader(const std::string& path, MaxBytes max_bytes)
    : file_(path, max_bytes), bytes_(file_), buffer_(kPiece) {
  refill();
  const std::string_view start(buffer_.data(), end_);
  require_plain_text(start, path);
  begin_ = start.size() - without_mark(start).size();
}

bool LineReader::next(std::string_view& line) {
  while (true) {
    const char* first = buffer_.data() + begin_;
    const auto* end = static_cast<const char*>(std::memchr(first, '\n', end_ - begin_));
    const std::size_t length = end == nullptr ? end_ - begin_ : static_cast<std::size_t>(end - first);
    if (length > kLongestText) refuse_long_text(fmt::format("{}:{}", file_.path(), number_ + 1));
    if (end == nullptr && !ended_) {
      refill();
      continue;
    }
    if (end == nullptr && length == 0) return false;
    line = {first, length};
    begin_ = std::min(begin_ + length + 1, end_);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number_;
    return true;
  }
}

void LineReader::refill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (buffer_.size() - end_ < kPiece / 2) buffer_.resize(2 * buffer_.size());
  const std::size_t got = bytes_.read(buffer_.data() + end_, buffer_.size() - end_);
  ended_ = got == 0;
  end_ += got;
}

}  // namespace lockstep
