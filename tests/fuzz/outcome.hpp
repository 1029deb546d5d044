// What fuzz targets of readers have in common: inputs as files, and what may come of reading them.
#pragma once

#include <zlib.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz/refusal.hpp"
#include "support/temporary_folder.hpp"

namespace lockstep::fuzz {

inline std::string write(const std::string& name, std::string_view bytes) {
  static const TemporaryFolder folder;
  std::ofstream(folder / name, std::ios::binary) << bytes;
  return folder / name;
}

inline std::string gzip(std::string_view bytes) {
  std::string out(compressBound(bytes.size()) + 64, '\0');
  z_stream stream{};
  if (deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) std::abort();
  stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<unsigned>(bytes.size());
  stream.next_out = reinterpret_cast<unsigned char*>(out.data());
  stream.avail_out = static_cast<unsigned>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// What came of reading; nothing where it was refused.
inline std::optional<std::string> outcome(const std::function<std::string()>& read) {
  std::string content;
  const bool refused = !refusal_by([&] { content = read(); }).empty();
  return refused ? std::nullopt : std::optional(content);
}

inline void same_compressed(std::string_view bytes,
                            const std::function<std::string(const std::string&)>& read) {
  const std::string plain = write("plain", bytes), packed = write("packed.gz", gzip(bytes));
  if (outcome([&] { return read(plain); }) != outcome([&] { return read(packed); })) std::abort();
}

}  // namespace lockstep::fuzz
