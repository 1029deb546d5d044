#include "analysis/import/text_stream.hpp"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/error.hpp"
#include "base/regular_file.hpp"

namespace lockstep {

namespace {

constexpr unsigned kPiece = 1U << 18;
constexpr std::uint64_t kMostUnpacked = std::uint64_t{64} << 20, kMostExpansion = 200;
constexpr std::size_t kLongestWord = 9;  // "-Infinity"

bool of_a_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '+'; }

bool is_non_finite(std::string_view word) {
  constexpr std::array<std::string_view, 9> kWords = {"NaN", "nan",  "-nan", "Infinity", "-Infinity",
                                                      "inf", "-inf", "-NaN", "+inf"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

}  // namespace

// zlib reads a file that is not packed as it is, and verifies the checksums of one that is.
struct TextStream::Unpacker {
  explicit Unpacker(const std::string& name) : path(name) {
    RegularFile regular = open_regular_file(path);
    most = std::max(kMostUnpacked, kMostExpansion * static_cast<std::uint64_t>(regular.bytes));
    file = gzdopen(regular.descriptor.get(), "rb");
    if (!file) throw run_error("zlib cannot be started");
    regular.descriptor.release();
    gzbuffer(file, kPiece);
  }
  ~Unpacker() { gzclose_r(file); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  std::size_t read(char* to, std::size_t room) {
    errno = 0;
    const int bytes = gzread(file, to, static_cast<unsigned>(room));
    int status = Z_OK;
    const char* said = gzerror(file, &status);
    if (status == Z_BUF_ERROR)
      throw input_error("{}: is truncated: its compressed data ends too early; fetch it again", path);
    if (status == Z_ERRNO) throw input_error("{}: cannot be read: {}", path, errno_text(errno));
    if (bytes < 0) throw input_error("{}: is damaged ({}); fetch it again", path, said);
    unpacked += static_cast<std::uint64_t>(bytes);
    if (unpacked > most)
      throw input_error("{}: decompresses to more than {} bytes, {} times its size; no trace does", path,
                        most, kMostExpansion);
    return static_cast<std::size_t>(bytes);
  }

  std::string path;
  std::uint64_t most = 0, unpacked = 0;
  gzFile file = nullptr;
};

TextStream::TextStream(const std::string& path)
    : path_(path), unpacker_(std::make_unique<Unpacker>(path)), piece_(std::make_unique<char[]>(kPiece)) {
  refill();
}

TextStream::~TextStream() = default;

std::uint64_t TextStream::position() const {
  return before_ + static_cast<std::uint64_t>(at_ - piece_.get());
}

void TextStream::refill() {
  std::size_t fresh = 0;
  do {
    if (end_) {
      before_ += static_cast<std::uint64_t>(end_ - piece_.get());
      std::memmove(piece_.get(), end_, kept_);
    }
    fresh = unpacker_->read(piece_.get() + kept_, kPiece - kept_);
    const std::size_t size = kept_ + fresh, kept = without_non_finite(size);
    kept_ = fresh == 0 ? 0 : kept;
    at_ = piece_.get();
    end_ = at_ + size - kept_;
  } while (at_ == end_ && fresh > 0);
}

// Returns how many bytes at the end may be the begin of a word.
std::size_t TextStream::without_non_finite(std::size_t size) {
  char* const text = piece_.get();
  for (std::size_t at = 0; at < size;) {
    if (quoted_ || !of_a_word(text[at])) {
      if (!escaped_ && text[at] == '"') quoted_ = !quoted_;
      escaped_ = quoted_ && !escaped_ && text[at] == '\\';
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < size && of_a_word(text[end])) ++end;
    const std::size_t length = end - at;
    if (end == size && length <= kLongestWord && length < kPiece / 2) return length;
    if (is_non_finite({text + at, length})) std::memcpy(text + at, "\"\"       ", length);
    at = end;
  }
  return 0;
}

}  // namespace lockstep
