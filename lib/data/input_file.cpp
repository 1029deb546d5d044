#include "data/input_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"

namespace lockstep {

namespace {

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) throw input_error("cannot open '{}': {}", path, errno_text(errno));
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const Descriptor file(path);
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) throw input_error("cannot read '{}': {}", path, errno_text(errno));
  if (!S_ISREG(facts.st_mode)) throw input_error("'{}' is not a file", path);
  size_ = static_cast<std::size_t>(facts.st_size);
  if (size_ == 0) return;
  void* memory = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file.get(), 0);
  if (memory == MAP_FAILED) throw input_error("cannot read '{}': {}", path, errno_text(errno));
  data_ = static_cast<const char*>(memory);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

struct ByteReader::Inflater {
  explicit Inflater(const std::string& file) : path(file) {
    // 15: the largest window; + 16: gzip framing, whose checksum zlib verifies.
    if (inflateInit2(&stream, 15 + 16) != Z_OK) throw run_error("zlib cannot be started");
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  std::size_t read(std::string_view& rest, void* out, std::size_t count) {
    constexpr std::size_t kMost = std::size_t{1} << 30;  // zlib counts in 32 bits
    auto* to = static_cast<unsigned char*>(out);
    std::size_t got = 0;
    while (got < count && !finished) {
      const std::size_t room = std::min(count - got, kMost);
      const std::size_t given = std::min(rest.size(), kMost);
      stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(rest.data()));
      stream.avail_in = static_cast<unsigned>(given);
      stream.next_out = to + got;
      stream.avail_out = static_cast<unsigned>(room);
      const int status = inflate(&stream, Z_NO_FLUSH);
      rest.remove_prefix(given - stream.avail_in);
      got += room - stream.avail_out;
      check(status, rest);
    }
    return got;
  }

  void check(int status, std::string_view rest) {
    if (status == Z_STREAM_END) {
      // A gzip file may be several members one after the other.
      finished = rest.empty();
      if (!finished) inflateReset(&stream);
    } else if (status == Z_BUF_ERROR || (status == Z_OK && rest.empty() && stream.avail_out > 0)) {
      throw input_error("'{}' is cut off: its compressed data ends too early; fetch it again", path);
    } else if (status != Z_OK) {
      throw input_error("'{}' is damaged or not gzip data ({}); fetch it again", path,
                        stream.msg != nullptr ? stream.msg : "zlib error");
    }
  }

  std::string path;
  z_stream stream{};
  bool finished = false;
};

ByteReader::ByteReader(const MappedFile& file) : rest_(file.bytes()), file_bytes_(file.bytes().size()) {
  if (!file.path().ends_with(".gz")) return;
  if (rest_.empty()) throw input_error("'{}' is empty", file.path());
  inflater_ = std::make_unique<Inflater>(file.path());
}

ByteReader::~ByteReader() = default;

std::size_t ByteReader::read(void* out, std::size_t count) {
  if (inflater_) return inflater_->read(rest_, out, count);
  const std::size_t got = std::min(count, rest_.size());
  if (got > 0) std::memcpy(out, rest_.data(), got);
  rest_.remove_prefix(got);
  return got;
}

std::uint64_t ByteReader::most_bytes() const {
  constexpr std::uint64_t kDeflateLimit = 1032;  // no deflate stream expands more
  return inflater_ ? file_bytes_ * kDeflateLimit : file_bytes_;
}

std::string read_whole(const std::string& path) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  const MappedFile file(path);
  if (!path.ends_with(".gz")) return std::string(file.bytes());
  ByteReader reader(file);
  std::string content;
  for (std::size_t got = kPiece, size = 0; got == kPiece;) {
    content.resize(size + kPiece);
    got = reader.read(content.data() + size, kPiece);
    size += got;
    content.resize(size);
  }
  return content;
}

}  // namespace lockstep
