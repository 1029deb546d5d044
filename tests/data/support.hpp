// What the data tests share: a scratch folder, small IDX files, and the message of an expected error.
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "support/catch.hpp"

namespace lockstep::test {

// A fresh folder, removed with its content at the end of the test.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "lockstep-data-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, std::string_view content) const {
    std::ofstream(*this / name, std::ios::binary) << content;
    return *this / name;
  }

 private:
  std::string path_;
};

inline std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string big_endian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

// IDX images whose pixel p of image i is (i * 7 + p) mod 256.
inline std::string idx_images(std::uint32_t count, std::uint32_t height, std::uint32_t width) {
  std::string bytes = big_endian(0x803) + big_endian(count) + big_endian(height) + big_endian(width);
  for (std::uint32_t i = 0; i < count; ++i)
    for (std::uint32_t p = 0; p < height * width; ++p) bytes += static_cast<char>((i * 7 + p) & 255);
  return bytes;
}

// IDX labels: i mod 10.
inline std::string idx_labels(std::uint32_t count) {
  std::string bytes = big_endian(0x801) + big_endian(count);
  for (std::uint32_t i = 0; i < count; ++i) bytes += static_cast<char>(i % 10);
  return bytes;
}

inline std::string gzip(const std::string& bytes) {
  std::string out(bytes.size() + 1000, '\0');
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<unsigned>(bytes.size());
  stream.next_out = reinterpret_cast<unsigned char*>(out.data());
  stream.avail_out = static_cast<unsigned>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// Whatever is not a regular file, by the words that refuse it: each is made below `path`, which is not there.
inline std::vector<std::pair<std::string, std::string>> irregular_files(const std::string& path) {
  REQUIRE(::mkfifo((path + "-fifo").c_str(), 0600) == 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE((path + "-socket").copy(address.sun_path, sizeof address.sun_path - 1) == path.size() + 7);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(listener);
  std::filesystem::create_directory(path + "-folder");
  std::filesystem::create_symlink("/dev/zero", path + "-device");
  std::filesystem::create_symlink(path + "-loop", path + "-loop");
  std::filesystem::create_symlink(path + "-nowhere", path + "-broken");
  return {{path + "-fifo", "a named pipe"},    {path + "-socket", "a socket"},
          {path + "-folder", "a folder"},      {path + "-device", "a character device"},
          {path + "-loop", "Too many levels"}, {path + "-broken", "No such file"}};
}

inline std::string utf16(const std::string& ascii) {
  std::string bytes = "\xff\xfe";
  for (const char c : ascii) bytes += {c, '\0'};
  return bytes;
}

// The one-line message of the input error that `body` must throw.
template <typename Body>
std::string input_error_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    const std::string message = error.what();
    INFO(message);
    CHECK(error.code() == ExitCode::bad_input);
    CHECK(message.find('\n') == std::string::npos);
    return message;
  }
  FAIL("no error was thrown");
  return {};
}

inline bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  INFO(part);
  const bool found = text.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

}  // namespace lockstep::test
