#include "analysis/import/run_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "results/run_writer.hpp"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

// A name from outside as part of a path.
std::string plain(std::string name) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  std::replace_if(
      name.begin(), name.end(), [&](char c) { return !is_plain(c); }, '_');
  return name.substr(0, 60);
}

// "20260131-120000" of "2026-01-31T12:00:00Z".
std::string compact(const std::string& started) {
  if (started.empty()) return "undated";
  std::string digits = started.substr(0, 19);
  std::erase_if(digits, [](char c) { return c == '-' || c == ':'; });
  std::replace(digits.begin(), digits.end(), 'T', '-');
  return digits;
}

std::string new_folder(const std::string& into, const std::string& name) {
  const fs::path folder = fs::path(into) / name;
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (error || !fs::create_directory(folder, error))
    throw input_error(
        "{}: {}", folder.string(),
        error ? "cannot be made: " + error.message()
              : "already exists: this was imported before; choose another folder with --into DIR");
  return folder.string();
}

}  // namespace

std::string write_imported(const std::string& into, const RunData& run) {
  std::string path =
      new_folder(into, fmt::format("{}_{}_{}_{}r_{}", compact(run.header.started), run.header.mode,
                                   plain(run.model.name),
                                   std::max<std::int64_t>(run.header.world_size, run.steps.ranks()),
                                   run.header.uuid.substr(0, 8))) +
      "/run.h5";
  RunWriter writer(path, run);
  writer.append_epoch(run.steps, run.comm, run.stages, run.epochs.front(), {});
  writer.finish("complete", true, {}, run.header.wall_seconds);
  return path;
}

std::string write_imported(const std::string& into, const CommBench& bench) {
  std::string path = new_folder(into, fmt::format("{}_{}r_{}", plain(bench.backend), bench.ranks.size(),
                                                  bench.header.uuid.substr(0, 8))) +
                     "/commbench.h5";
  CommBenchWriter writer(path, bench);
  for (const CommBenchCase& one : bench.cases) writer.append(one);
  writer.finish(true, {}, 0);
  return path;
}

}  // namespace lockstep
