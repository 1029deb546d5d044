#include "train/run_folder.hpp"

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <system_error>

#include "base/error.hpp"
#include "timing/clock.hpp"

namespace lockstep {

std::string new_uuid() {
  std::random_device entropy;
  const auto word = [&] { return static_cast<std::uint32_t>(entropy()); };
  const std::uint32_t a = word(), b = word(), c = word(), d = word();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:04x}{:08x}", a, b >> 16, b & 0xfff,
                     (c >> 16 & 0x3fff) | 0x8000, c & 0xffff, d);
}

std::string create_run_folder(const std::string& output, const std::string& mode, const std::string& model,
                              int ranks, const std::string& uuid) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(output) / fmt::format("{}_{}_{}_{}r_{}", compact_utc_timestamp(), mode,
                                                         model, ranks, uuid.substr(0, 8));
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (error || !fs::create_directory(folder, error)) {
    throw input_error("{}: cannot create the run's folder: {}; choose another with --output DIR",
                      folder.string(), error ? error.message() : "it exists already");
  }
  return folder.string();
}

void write_text_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw run_error("{}: cannot write: {}", path, errno_text(errno));
}

}  // namespace lockstep
