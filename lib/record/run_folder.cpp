#include "record/run_folder.hpp"

#include <cstdint>
#include <filesystem>
#include <random>
#include <system_error>

#include "base/durable_file.hpp"
#include "base/unfinished_file.hpp"
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
                              int ranks, const std::string& uuid, const std::string& option) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(output) / fmt::format("{}_{}_{}_{}r_{}", compact_utc_timestamp(), mode,
                                                         model, ranks, uuid.substr(0, 8));
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (error || !fs::create_directory(folder, error)) {
    throw Error(meaning_of_write_error(error.value()),
                fmt::format("{}: cannot create the run's folder: {}; choose another with {}", folder.string(),
                            error ? error.message() : "it exists already", option));
  }
  return folder.string();
}

void write_text_file(const std::string& path, const std::string& text) {
  DurableFile file(path);
  file.write(text);
  file.commit();
}

namespace {

// <YYYYMMDD-HHMMSS>_<mode>_<model>_<N>r_<8 hex>
bool is_run_folder(const std::string& name) {
  constexpr std::size_t kTime = 15, kTail = 11;  // "20260131-120000", "r_0123abcd" and a digit before it
  return name.size() > kTime + kTail && name.find_first_not_of("0123456789-") == kTime &&
         name[kTime] == '_' && name.compare(name.size() - kTail + 1, 2, "r_") == 0;
}

// .pt: of earlier versions.
bool is_unfinished_checkpoint(const std::string& name) {
  return name.ends_with(".safetensors.partial") || name.ends_with(".pt.partial");
}

// A copy of a run file, which becomes run.h5.partial.
bool is_unfinished_run_file(const std::string& name) { return is_unfinished_of_several(name, ".h5.partial"); }

int remove_abandoned_of_run(const std::filesystem::path& folder) {
  return remove_abandoned(folder.string(), is_unfinished_run_file) +
         remove_abandoned((folder / "checkpoint").string(), is_unfinished_checkpoint);
}

}  // namespace

int remove_abandoned_files(const std::string& output, const std::string& resume) {
  namespace fs = std::filesystem;
  std::error_code error;
  int removed = 0;
  if (fs::is_directory(resume, error))
    removed = remove_abandoned_of_run(resume);
  else if (!resume.empty())
    removed = remove_abandoned(fs::path(resume).parent_path().string(), is_unfinished_checkpoint);
  for (fs::directory_iterator run(output, error), end; !error && run != end; run.increment(error))
    if (is_run_folder(run->path().filename().string())) removed += remove_abandoned_of_run(run->path());
  return removed;
}

}  // namespace lockstep
