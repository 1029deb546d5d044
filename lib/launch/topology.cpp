#include "launch/topology.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "launch/cpu_quota.hpp"
#include "launch/device_map.hpp"
#include "launch/machine.hpp"
#include "launch/nvml.hpp"
#include "launch/openmp_threads.hpp"
#include "launch/steering_variables.hpp"

namespace lockstep {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

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

int count_cores(const CpuSet& cpus) {
  return std::max(static_cast<int>(this_machine().cores(cpus).size()), 1);
}

}  // namespace

int bound_cores() { return count_cores(this_machine().of_process()); }

int cores_within(int cores, double quota) {
  // Rounded down: a thread more than the quota carries is stopped in the middle of a step, and the others
  // wait for it.
  return quota > 0 ? std::clamp(static_cast<int>(std::min(quota, 1e6)), 1, cores) : cores;
}

int node_cores() { return cores_within(count_cores(this_machine().all()), cpu_quota()); }

int threads_per_rank(const RunConfig& config, const World& world) {
  if (config.parallel.threads) return *config.parallel.threads;
  return std::clamp(node_cores() / world.local_size(), 1, bound_cores());
}

namespace {

// Where each of `threads` compute threads may run, with a blank between; empty: they cannot be asked. It is asked in the
// threads themselves, so that whatever has bound them has done so.
std::string thread_cores(int threads) {
  const Machine& machine = this_machine();
  std::vector<std::string> cores(static_cast<std::size_t>(threads));
  const bool asked = in_compute_threads(threads, [&](int thread) {
    if (thread < threads) cores[static_cast<std::size_t>(thread)] = machine.core_ranges(machine.of_thread());
  });
  return asked ? fmt::format("{}", fmt::join(cores, " ")) : "";
}

// Where a thread may run that this one starts now, as those do that load data and communicate.
std::string new_thread_cores() {
  const Machine& machine = this_machine();
  std::string cores;
  std::thread([&] { cores = machine.core_ranges(machine.of_thread()); }).join();
  return cores;
}

void describe_binding(RankEnvironment& e) {
  const Machine& machine = this_machine();
  const CpuSet mine = machine.of_process();
  e.cores_bound = count_cores(mine);
  e.cores = fmt::format("{}", fmt::join(machine.cores(mine), " "));
  e.numa_nodes = machine.numa_nodes(mine);
  e.caches = machine.caches(mine);
  e.machine = machine.summary();
  e.thread_cores = thread_cores(static_cast<int>(e.threads));
  e.loader_cores = new_thread_cores();
}

}  // namespace

RankEnvironment describe_rank(const c10::Device& device, int threads, int loader_threads) {
  RankEnvironment e;
  e.host = host_name();
  e.device = device_model(device);
  e.cpu = fmt::format("{} ({} logical CPUs)", cpu_model(), sysconf(_SC_NPROCESSORS_ONLN));
  e.driver = device.is_cuda() ? gpu_driver() : "none";
  if (const auto nvml = device.is_cuda() ? Nvml::open(device_pci_address(device)) : nullptr) {
    e.gpu = nvml->facts();
    if (e.driver == "none") e.driver = nvml->driver();  // in a container that hides the kernel's word for it
  }
  e.threads = threads;
  e.loader_threads = loader_threads;
  describe_binding(e);
  e.variables = steering_variables();
  e.cpu_quota = cpu_quota();
  e.memory_bytes = std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  return e;
}

std::vector<RankEnvironment> gather_environments(World& world, const RankEnvironment& mine) {
  return world.all_gather(mine);
}

}  // namespace lockstep
