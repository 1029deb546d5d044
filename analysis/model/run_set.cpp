#include "analysis/model/run_set.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "analysis/checks/rules.hpp"
#include "base/error.hpp"
#include "results/run_reader.hpp"

namespace lockstep {

namespace fs = std::filesystem;

namespace {

void add_folder(const fs::path& folder, FoundFiles& found) {
  if (const std::string file = find_run_file(folder.string()); !file.empty()) found.runs.push_back(file);
  if (const std::string file = find_comm_bench(folder.string()); !file.empty()) found.benches.push_back(file);
}

void search(const std::string& path, FoundFiles& found) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw input_error("{}: no such file or folder", path);
  if (!fs::is_directory(status)) return (is_comm_bench(path) ? found.benches : found.runs).push_back(path);
  add_folder(path, found);
  fs::recursive_directory_iterator entry(path, fs::directory_options::skip_permission_denied, error), end;
  for (; !error && entry != end; entry.increment(error))
    if (entry->is_directory(error) && !entry->is_symlink(error)) add_folder(entry->path(), found);
  if (error) throw input_error("{}: cannot be searched: {}", path, error.message());
}

std::vector<std::string> sorted_once(std::vector<std::string> found) {
  std::sort(found.begin(), found.end());
  std::set<fs::path> seen;
  std::vector<std::string> result;
  for (const std::string& file : found) {
    std::error_code error;
    const fs::path real = fs::canonical(file, error);
    if (seen.insert(error ? fs::path(file) : real).second) result.push_back(file);
  }
  return result;
}

Error nothing_below(const std::string& path) {
  return input_error("{}: no run below it; a run is a folder with a run.h5", path);
}

// The run's folder is its name; a file that is not called as in a run's folder is its own name.
std::string name_of_run(const std::string& file) {
  const fs::path path(file);
  const std::string name = path.filename().string();
  if (name != "run.h5" && name != "run.h5.partial") return file;
  return path.has_parent_path() ? path.parent_path().string() : ".";
}

}  // namespace

FoundFiles find_files(const std::vector<std::string>& paths) {
  FoundFiles found;
  for (const std::string& path : paths) search(path, found);
  return {sorted_once(std::move(found.runs)), sorted_once(std::move(found.benches))};
}

std::vector<std::string> find_some_runs(const std::vector<std::string>& paths) {
  std::vector<std::string> files = find_files(paths).runs;
  if (files.empty()) throw nothing_below(paths.front());
  return files;
}

RunSet read_runs(const std::vector<std::string>& paths) {
  RunSet set;
  const FoundFiles found = find_files(paths);
  if (found.runs.empty() && found.benches.empty()) throw nothing_below(paths.front());
  for (const std::string& file : found.benches) {
    try {
      set.benches.push_back(reduce_bench(read_comm_bench(file), file));
    } catch (const Error& error) {
      set.unreadable.emplace_back(error.what());
    }
  }
  RunFiles files(found.runs);
  for (std::size_t i = 0; i < found.runs.size(); ++i) {
    try {
      Launch launch = make_launch(files.read(i), name_of_run(found.runs[i]));
      for (Finding& finding : check_among(launch, set.launches))
        launch.findings.push_back(std::move(finding));
      set.launches.push_back(std::move(launch));
    } catch (const Error& error) {
      set.unreadable.emplace_back(error.what());
    }
  }
  if (!set.launches.empty() || !set.benches.empty()) return set;
  throw input_error("none of {} run files can be read; the first: {}", set.unreadable.size(),
                    set.unreadable.front());
}

}  // namespace lockstep
