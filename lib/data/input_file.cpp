#include "data/input_file.hpp"

#include <sys/mman.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.hpp"
#include "base/machine_memory.hpp"
#include "base/regular_file.hpp"

namespace lockstep {

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostBytes = 16 * 1024 * kMiB, kMostUnpacked = 64 * kMiB, kMostExpansion = 50;

// Without data.max_bytes: see MaxBytes.
std::uint64_t usual_limit(bool compressed, std::uint64_t file_bytes) {
  if (!compressed) return kMostBytes;
  return std::min(kMostBytes, std::max(kMostUnpacked, kMostExpansion * file_bytes));
}

// How much a gzip file says that its last member holds, modulo 2^32: no more than a hint.
std::uint64_t stated_size(const MappedFile& file) {
  std::uint32_t size = 0;
  if (file.bytes().size() < sizeof size) return 0;
  std::memcpy(&size, file.bytes().data() + file.bytes().size() - sizeof size, sizeof size);
  return std::min<std::uint64_t>(size, file.limit());
}

}  // namespace

bool is_there(const std::string& path) {
  std::error_code refused;
  const auto type = std::filesystem::symlink_status(path, refused).type();
  return type != std::filesystem::file_type::not_found && type != std::filesystem::file_type::none;
}

bool is_folder(const std::string& path) {
  std::error_code refused;
  return std::filesystem::is_directory(path, refused);
}

MappedFile::MappedFile(const std::string& path, MaxBytes max_bytes) : path_(path), limit_(kMostBytes) {
  const RegularFile file = open_regular_file(path);
  size_ = static_cast<std::size_t>(file.bytes);
  limit_ = max_bytes ? static_cast<std::uint64_t>(*max_bytes) : usual_limit(compressed(), size_);
  if (!compressed()) require_within_limit(size_);
  if (size_ == 0) return;
  // All at once, unless it is so large that reading only a part may do.
  const int populate = size_ <= 1024 * kMiB ? MAP_POPULATE : 0;
  void* memory = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE | populate, file.descriptor.get(), 0);
  if (memory == MAP_FAILED) throw input_error("cannot read '{}': {}", path, errno_text(errno));
  data_ = static_cast<const char*>(memory);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

void MappedFile::require_within_limit(std::uint64_t bytes) const {
  if (bytes <= limit_) return;
  throw input_error("'{}' is larger than {} bytes{}, the limit; if this is intended, raise data.max_bytes",
                    path_, limit_, compressed() ? " after decompression" : "");
}

struct ByteReader::Inflater {
  explicit Inflater(const MappedFile& file) : path(file.path()), file_bytes(file.bytes().size()) {
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

  void check(int status, std::string_view& rest) {
    if (status == Z_STREAM_END) {
      end_member(rest);
    } else if (status == Z_BUF_ERROR || (status == Z_OK && rest.empty() && stream.avail_out > 0)) {
      throw input_error("'{}' is cut off: its compressed data ends too early; fetch it again", path);
    } else if (status != Z_OK) {
      throw input_error("'{}' is damaged or not gzip data ({}); fetch it again", path,
                        stream.msg != nullptr ? stream.msg : "zlib error");
    }
  }

  // A gzip file may be several members one after the other. Zeros behind one are padding, as tapes and
  // flash memories leave it; gzip passes over them as well.
  void end_member(std::string_view& rest) {
    rest.remove_prefix(std::min(rest.find_first_not_of('\0'), rest.size()));
    finished = rest.empty();
    if (finished) return;
    if (!rest.starts_with("\x1f\x8b"))
      throw input_error(
          "'{}' continues after its compressed data, at byte {}, with bytes that are neither zeros nor gzip "
          "data; fetch it again",
          path, file_bytes - rest.size());
    inflateReset(&stream);
  }

  std::string path;
  std::size_t file_bytes;
  z_stream stream{};
  bool finished = false;
};

ByteReader::ByteReader(const MappedFile& file) : file_(file), rest_(file.bytes()) {
  if (!file.compressed()) return;
  if (rest_.empty()) throw input_error("'{}' is empty", file.path());
  inflater_ = std::make_unique<Inflater>(file);
}

ByteReader::~ByteReader() = default;

std::size_t ByteReader::read(void* out, std::size_t count) {
  if (inflater_) {
    const std::size_t got = inflater_->read(rest_, out, count);
    read_ += got;
    file_.require_within_limit(read_);
    return got;
  }
  const std::size_t got = std::min(count, rest_.size());
  if (got > 0) std::memcpy(out, rest_.data(), got);
  rest_.remove_prefix(got);
  return got;
}

std::uint64_t ByteReader::most_bytes() const {
  constexpr std::uint64_t kDeflateLimit = 1032;  // no deflate stream expands more
  return inflater_ ? file_.bytes().size() * kDeflateLimit : file_.bytes().size();
}

std::string read_whole(const std::string& path, MaxBytes max_bytes) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  const MappedFile file(path, max_bytes);
  if (!file.compressed()) return std::string(file.bytes());
  ByteReader reader(file);
  std::string content;
  content.reserve(stated_size(file) + kPiece);
  const std::int64_t memory = machine_memory_bytes();
  for (std::size_t got = kPiece, size = 0; got == kPiece;) {
    content.resize(size + kPiece);
    got = reader.read(content.data() + size, kPiece);
    size += got;
    content.resize(size);
    require_memory(static_cast<double>(size), memory, fmt::format("the bytes of '{}'", path));
  }
  return content;
}

}  // namespace lockstep
