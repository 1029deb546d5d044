#include "analysis/model/run_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>

#include "analysis/checks/rules.hpp"
#include "analysis/metrics/pipeline_idle.hpp"
#include "analysis/runs/tree_walk.hpp"
#include "base/error.hpp"
#include "results/run_reader.hpp"

namespace lockstep {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kRunFile = "run.h5", kBenchFile = "commbench.h5", kPartial = ".partial";

bool is_of_kind(std::string_view name, std::string_view kind) {
  return name == kind || (name.starts_with(kind) && name.substr(kind.size()) == kPartial);
}

bool is_file_of_ours(const std::string& name) {
  return is_of_kind(name, kRunFile) || is_of_kind(name, kBenchFile);
}

Error nothing_below(const std::string& path, const std::vector<std::string>& notes) {
  return input_error("{}: no run below it; a run is a folder with a run.h5{}", path,
                     notes.empty() ? "" : "; left out: " + notes.front());
}

// The run's folder is its name; a file that is not called as in a run's folder is its own name.
std::string name_of_run(const std::string& file) {
  const fs::path path(file);
  const std::string name = path.filename().string();
  if (name != "run.h5" && name != "run.h5.partial") return file;
  return path.has_parent_path() ? path.parent_path().string() : ".";
}

void add_once(RunSet& set, LinkBench bench) {
  const auto known = std::find_if(set.benches.begin(), set.benches.end(),
                                  [&](const LinkBench& b) { return b.uuid == bench.uuid; });
  if (known == set.benches.end()) return set.benches.push_back(std::move(bench));
  set.notes.push_back(fmt::format("{} is a copy of {}, and counts once", bench.path, known->path));
}

// Runs that resumed from each other, joined. In order of file.
std::vector<Launch> read_launches(const std::vector<std::string>& paths,
                                  std::vector<std::string>& unreadable) {
  std::map<std::size_t, Launch> launches;
  std::vector<ChainRun> parts;
  std::map<std::string, std::string> complete;
  RunFiles files(paths);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    try {
      RunData run = files.read(i);
      book_idle_as_bubble(run);
      const std::string name = name_of_run(paths[i]);
      if (may_be_chained(run.header)) {
        parts.push_back({.file = i, .path = name, .run = std::move(run), .joints = {}, .apart = {}});
        continue;
      }
      complete.emplace(run.header.uuid, name);
      launches.emplace(i, checked_launch(run, name));
    } catch (const Error& error) {
      unreadable.emplace_back(error.what());
    }
  }
  for (ChainRun& part : join_chains(std::move(parts), complete)) {
    try {
      Launch& launch = launches.emplace(part.file, checked_launch(part.run, part.path)).first->second;
      launch.joints = std::move(part.joints);
      launch.apart = std::move(part.apart);
    } catch (const Error& error) {
      unreadable.emplace_back(error.what());
    }
  }
  std::vector<Launch> in_order;
  for (auto& [file, launch] : launches) in_order.push_back(std::move(launch));
  return in_order;
}

}  // namespace

FoundFiles find_files(const std::vector<std::string>& paths) {
  Tree tree = files_below(paths, is_file_of_ours);
  std::set<std::string> names;
  std::error_code error;
  for (const TreeFile& file : tree.files)
    if (fs::is_regular_file(file.path, error)) names.insert(file.path);
  FoundFiles found;
  found.notes = std::move(tree.notes);
  for (const TreeFile& file : tree.files) {
    const std::string name = fs::path(file.path).filename().string();
    const bool ours = is_file_of_ours(name);
    // What a finished run leaves behind.
    if (!file.given && name.ends_with(kPartial) &&
        names.contains(file.path.substr(0, file.path.size() - kPartial.size())))
      continue;
    const bool bench = ours ? is_of_kind(name, kBenchFile) : is_comm_bench(file.path);
    (bench ? found.benches : found.runs).push_back(file.path);
  }
  return found;
}

std::vector<std::string> find_some_runs(const std::vector<std::string>& paths,
                                        std::vector<std::string>* notes) {
  FoundFiles found = find_files(paths);
  if (found.runs.empty()) throw nothing_below(paths.front(), found.notes);
  if (notes) *notes = std::move(found.notes);
  return std::move(found.runs);
}

RunSet read_runs(const std::vector<std::string>& paths) {
  RunSet set;
  FoundFiles found = find_files(paths);
  if (found.runs.empty() && found.benches.empty()) throw nothing_below(paths.front(), found.notes);
  set.notes = std::move(found.notes);
  for (const std::string& file : found.benches) {
    try {
      add_once(set, reduce_bench(read_comm_bench(file), file));
    } catch (const Error& error) {
      set.unreadable.emplace_back(error.what());
    }
  }
  for (Launch& launch : read_launches(found.runs, set.unreadable)) {
    for (Finding& finding : check_among(launch, set.launches)) launch.findings.push_back(std::move(finding));
    set.launches.push_back(std::move(launch));
  }
  if (!set.launches.empty() || !set.benches.empty()) return set;
  throw input_error("none of {} run files can be read; the first: {}", set.unreadable.size(),
                    set.unreadable.front());
}

}  // namespace lockstep
