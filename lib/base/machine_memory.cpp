#include "base/machine_memory.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>

#include "base/error.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

// Of the control group, version 2 or 1; neither file says a number where there is no limit.
std::int64_t group_limit() {
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::int64_t bytes = 0;
    if (std::ifstream(path) >> bytes && bytes > 0) return bytes;
  }
  return kUnlimited;
}

std::int64_t process_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnlimited;
  return static_cast<std::int64_t>(std::min<rlim_t>(limit.rlim_cur, static_cast<rlim_t>(kUnlimited)));
}

}  // namespace

std::int64_t machine_memory_bytes() {
  const std::int64_t node = std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  return std::min({node, group_limit(), process_limit()});
}

std::string memory_text(double bytes) {
  constexpr std::array units = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; unit + 1 < units.size() && bytes >= 1024; ++unit) bytes /= 1024;
  return fmt::format("{:.3g} {}", bytes, units.at(unit));
}

void require_memory(double bytes, std::int64_t available, const std::string& what) {
  if (bytes > static_cast<double>(available))
    throw input_error("{} need {} of memory, but only {} are available; make them smaller", what,
                      memory_text(bytes), memory_text(static_cast<double>(available)));
}

}  // namespace lockstep
