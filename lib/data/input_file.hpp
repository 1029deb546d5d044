// Input files of data sets: mapped into memory, and read as a stream of bytes, through zlib where the name
// ends in .gz. The one place where they are opened: what is not a regular file is refused, and nothing is
// read without a limit. The rules are in docs/data-files.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep {

// data.max_bytes: how much of a file may be read, unpacked. Empty: 16 GiB, but of a compressed file no more
// than 50 times its size, or 64 MiB where that is more. Text and images compress less than 20 times; what
// claims more is most likely made to fill the machine.
using MaxBytes = std::optional<std::int64_t>;

// Whether something has that name, be it a link to nowhere; a name that the system refuses names nothing.
bool is_there(const std::string& path);
bool is_folder(const std::string& path);

// A whole file, read-only, for as long as this lives.
class MappedFile {
 public:
  // Error(bad_input) naming the file: it cannot be read, is not a regular file, or holds more than it may.
  explicit MappedFile(const std::string& path, MaxBytes max_bytes = std::nullopt);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::string_view bytes() const { return {data_, size_}; }
  bool compressed() const { return path_.ends_with(".gz"); }
  std::uint64_t limit() const { return limit_; }  // of the bytes that come out of it

  // Error(bad_input) that names the file and data.max_bytes, when `bytes`, unpacked, are more than the limit.
  void require_within_limit(std::uint64_t bytes) const;

 private:
  std::string path_;
  std::uint64_t limit_;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

// Reads from the start of a file that must outlive it.
class ByteReader {
 public:
  explicit ByteReader(const MappedFile& file);
  ~ByteReader();
  ByteReader(const ByteReader&) = delete;
  ByteReader& operator=(const ByteReader&) = delete;

  // Up to `count` bytes; fewer only at the end of the data. Error(bad_input) when compressed data is damaged,
  // ends too early, is followed by something else than zeros or more of it, or unpacks to more than it may.
  std::size_t read(void* out, std::size_t count);
  // No more than this many bytes can come out of the file in all, whatever a header in it promises.
  std::uint64_t most_bytes() const;

 private:
  struct Inflater;
  const MappedFile& file_;
  std::string_view rest_;
  std::uint64_t read_ = 0;
  std::unique_ptr<Inflater> inflater_;  // null: the file is not compressed
};

// All bytes of a file, unpacked where its name ends in .gz. Same errors.
std::string read_whole(const std::string& path, MaxBytes max_bytes = std::nullopt);

}  // namespace lockstep
