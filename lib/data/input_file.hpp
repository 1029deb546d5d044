// Input files of data sets: mapped into memory, and read as a stream of bytes, through zlib where the name
// ends in .gz.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace lockstep {

// A whole file, read-only, for as long as this lives.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);  // Error(bad_input) naming the file and the system's reason
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::string_view bytes() const { return {data_, size_}; }

 private:
  std::string path_;
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

  // Up to `count` bytes; fewer only at the end of the data. Error(bad_input) when compressed data is damaged
  // or ends too early.
  std::size_t read(void* out, std::size_t count);
  // No more than this many bytes can come out of the file in all.
  std::uint64_t most_bytes() const;

 private:
  struct Inflater;
  std::string_view rest_;
  std::uint64_t file_bytes_;
  std::unique_ptr<Inflater> inflater_;  // null: the file is not compressed
};

// All bytes of a file, unpacked where its name ends in .gz. Same errors.
std::string read_whole(const std::string& path);

}  // namespace lockstep
