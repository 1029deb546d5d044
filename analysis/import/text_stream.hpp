// The bytes of a JSON file, plain or decompressed from gzip, read piece by piece. Internal to
// analysis/import.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>

namespace lockstep {

// Numbers that JSON does not have (NaN, Infinity, -inf), outside of strings, are read as empty strings.
// Error(bad_input) naming the file, from the constructor or while it is read: for what is no regular file,
// cannot be read, is damaged, cut off, or unpacks to more than 200 times its size.
class TextStream {
 public:
  explicit TextStream(const std::string& path);
  ~TextStream();
  TextStream(const TextStream&) = delete;
  TextStream& operator=(const TextStream&) = delete;

  bool at_end() const { return at_ == end_; }
  char current() const { return *at_; }
  void advance() {
    if (++at_ == end_) refill();
  }
  std::uint64_t position() const;  // bytes before the current one, unpacked
  const std::string& path() const { return path_; }

 private:
  struct Unpacker;
  void refill();
  std::size_t without_non_finite(std::size_t size);

  std::string path_;
  std::unique_ptr<Unpacker> unpacker_;
  std::unique_ptr<char[]> piece_;
  const char *at_ = nullptr, *end_ = nullptr;
  std::uint64_t before_ = 0;  // bytes of the pieces before this one
  std::size_t kept_ = 0;      // bytes at the begin of the piece that are of a word not read to its end
  bool quoted_ = false, escaped_ = false;
};

// An input iterator over the rest of a stream; the one without a stream is the end.
class StreamIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  StreamIterator() = default;
  explicit StreamIterator(TextStream& stream) : stream_(&stream) {}
  char operator*() const { return stream_->current(); }
  StreamIterator& operator++() {
    stream_->advance();
    return *this;
  }
  StreamIterator operator++(int) {
    const StreamIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const StreamIterator& other) const { return ended() == other.ended(); }
  bool operator!=(const StreamIterator& other) const { return !(*this == other); }

 private:
  bool ended() const { return !stream_ || stream_->at_end(); }

  TextStream* stream_ = nullptr;
};

}  // namespace lockstep
