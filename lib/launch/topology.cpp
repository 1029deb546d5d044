#include "launch/topology.hpp"

#include <fmt/ranges.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "base/error.hpp"
#include "launch/cpu_quota.hpp"
#include "launch/device_map.hpp"
#include "launch/nvml.hpp"

namespace lockstep {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "0-3,8" as the kernel writes it.
std::set<int> parse_cpu_list(const std::string& text) {
  std::set<int> cpus;
  std::istringstream ranges(text);
  std::string range;
  while (std::getline(ranges, range, ',')) {
    int first = 0, last = 0;
    const char* const end = range.data() + range.size();
    const auto [rest, error] = std::from_chars(range.data(), end, first);
    if (error != std::errc()) continue;
    last = first;
    if (rest != end && *rest == '-') std::from_chars(rest + 1, end, last);
    for (int cpu = first; cpu <= last; ++cpu) cpus.insert(cpu);
  }
  return cpus;
}

std::set<int> bound_cpus() {
  std::vector<cpu_set_t> mask(16);  // 16384 CPUs
  const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
  std::set<int> cpus;
  if (sched_getaffinity(0, bytes, mask.data()) != 0) return cpus;
  for (int cpu = 0; cpu < static_cast<int>(bytes) * 8; ++cpu)
    if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, mask.data())) cpus.insert(cpu);
  return cpus;
}

// Hardware threads of one core count once. Each core by the lowest of its siblings, whether that is among the
// CPUs or not.
std::set<int> cores_of(const std::set<int>& cpus) {
  std::set<int> cores;
  for (const int cpu : cpus) {
    const std::string path = fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu);
    const std::set<int> siblings = parse_cpu_list(first_line(path));
    cores.insert(siblings.empty() ? cpu : *siblings.begin());
  }
  return cores;
}

int count_cores(const std::set<int>& cpus) { return std::max(static_cast<int>(cores_of(cpus).size()), 1); }

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    const bool names =
        line.starts_with("model name") || line.starts_with("CPU part") || line.starts_with("cpu\t");
    const std::size_t colon = line.find(':');
    if (names && colon != std::string::npos && colon + 2 < line.size()) return line.substr(colon + 2);
  }
  return "unknown CPU";
}

// "580.65.06" of the NVIDIA kernel module; "none" without one.
std::string gpu_driver() {
  std::istringstream words(first_line("/proc/driver/nvidia/version"));
  std::string word;
  while (words >> word)
    if (word.find('.') != std::string::npos && word.find_first_not_of("0123456789.") == std::string::npos)
      return word;
  return "none";
}

}  // namespace

int bound_cores() { return count_cores(bound_cpus()); }

namespace {

// Of the machine, or of the set that the control group has of them.
int cores_in_reach() {
  for (const char* path : {"/sys/fs/cgroup/cpuset.cpus.effective",
                           "/sys/fs/cgroup/cpuset/cpuset.effective_cpus", "/sys/devices/system/cpu/online"}) {
    const std::set<int> cpus = parse_cpu_list(first_line(path));
    if (!cpus.empty()) return count_cores(cpus);
  }
  return bound_cores();
}

}  // namespace

int cores_within(int cores, double quota) {
  // Rounded down: a thread more than the quota carries is stopped in the middle of a step, and the others
  // wait for it.
  return quota > 0 ? std::clamp(static_cast<int>(std::min(quota, 1e6)), 1, cores) : cores;
}

int node_cores() { return cores_within(cores_in_reach(), cpu_quota()); }

int threads_per_rank(const RunConfig& config, const World& world) {
  if (config.parallel.threads) return *config.parallel.threads;
  return std::clamp(node_cores() / world.local_size(), 1, bound_cores());
}

RankEnvironment describe_rank(const World&, const c10::Device& device, int threads) {
  RankEnvironment e;
  e.host = host_name();
  e.device = device_model(device);
  e.cpu = fmt::format("{} ({} logical CPUs)", cpu_model(), sysconf(_SC_NPROCESSORS_ONLN));
  e.driver = device.is_cuda() ? gpu_driver() : "none";
  if (const auto nvml = device.is_cuda() ? Nvml::open(device_pci_address(device)) : nullptr) {
    e.gpu = nvml->facts();
    if (e.driver == "none") e.driver = nvml->driver();  // in a container that hides the kernel's word for it
  }
  e.cores_bound = bound_cores();
  e.cores = fmt::format("{}", fmt::join(cores_of(bound_cpus()), " "));
  e.threads = threads;
  e.cpu_quota = cpu_quota();
  e.memory_bytes = std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  return e;
}

std::vector<RankEnvironment> gather_environments(World& world, const RankEnvironment& mine) {
  return world.all_gather(mine);
}

}  // namespace lockstep
