#include "launch/cpu_quota.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace lockstep {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> words_of(const std::string& line, char between) {
  std::vector<std::string> words;
  std::istringstream in(line);
  for (std::string word; std::getline(in, word, between);) words.push_back(word);
  return words;
}

bool holds(const std::string& list, const std::string& word) {
  const std::vector<std::string> words = words_of(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

// One hierarchy of control groups as it is mounted here.
struct Hierarchy {
  bool v2 = false;
  fs::path mount;  // where its files lie
  fs::path top;    // the group that is mounted there; within a container often its own
};

// Those that can limit processor time. A line of mountinfo (proc(5)): id, parent, device, root, mount point,
// options, optional fields, "-", type, source, options of the file system.
std::vector<Hierarchy> hierarchies(const fs::path& root) {
  std::vector<Hierarchy> found;
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> words = words_of(line, ' ');
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 6 || words.end() - dash < 4) continue;
    const bool v2 = dash[1] == "cgroup2", v1 = dash[1] == "cgroup" && holds(dash[3], "cpu");
    if (v1 || v2) found.push_back({v2, root / fs::path(words[4]).relative_path(), words[3]});
  }
  return found;
}

// This process's group in the hierarchy. A line of /proc/self/cgroup: id, controllers, path; of v2 "0::path".
std::string group_in(const Hierarchy& hierarchy, const fs::path& root) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (hierarchy.v2 ? controllers.empty() : holds(controllers, "cpu")) return line.substr(second + 1);
  }
  return "/";
}

template <typename T>
T first_of(const fs::path& path, T otherwise) {
  T value = otherwise;
  std::ifstream(path) >> value;
  return value;
}

// CPUs; 0: no quota.
double quota_of(const Hierarchy& hierarchy, const fs::path& group) {
  double quota = 0, period = 0;
  if (hierarchy.v2) {
    std::ifstream(group / "cpu.max") >> quota >> period;  // "max 100000" is no number
  } else {
    quota = first_of(group / "cpu.cfs_quota_us", -1.0);
    period = first_of(group / "cpu.cfs_period_us", 0.0);
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

// The process's group below the mount point. A group that is not to be seen from here (of a container that
// shares the host's view) leaves the mounted one.
fs::path path_of(const Hierarchy& hierarchy, const std::string& group) {
  const fs::path below = fs::path(group).lexically_relative(hierarchy.top);
  if (below.empty() || *below.begin() == "..") return hierarchy.mount;
  const fs::path path = (hierarchy.mount / below).lexically_normal();
  std::error_code error;
  return fs::is_directory(path, error) ? path : hierarchy.mount;
}

}  // namespace

double cpu_quota(const fs::path& root) {
  double least = 0;
  for (const Hierarchy& hierarchy : hierarchies(root)) {
    const fs::path mount = hierarchy.mount.lexically_normal();
    for (fs::path group = path_of(hierarchy, group_in(hierarchy, root));; group = group.parent_path()) {
      const double quota = quota_of(hierarchy, group);
      if (quota > 0 && (least == 0 || quota < least)) least = quota;
      if (group == mount || !group.has_relative_path()) break;
    }
  }
  return least;
}

}  // namespace lockstep
