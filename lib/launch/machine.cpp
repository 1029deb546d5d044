#include "launch/machine.hpp"

#include <fmt/format.h>
#include <hwloc.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/error.hpp"
#include "launch/openmp_threads.hpp"

namespace lockstep {
namespace {

CpuSet new_set() {
  CpuSet set(hwloc_bitmap_alloc());
  if (!set) throw std::bad_alloc();
  return set;
}

CpuSet copy_of(hwloc_const_bitmap_t set) {
  CpuSet copy(hwloc_bitmap_dup(set));
  if (!copy) throw std::bad_alloc();
  return copy;
}

// "0-3,8"
std::string list_of(const CpuSet& set) {
  char* text = nullptr;
  if (hwloc_bitmap_list_asprintf(&text, set.get()) < 0) throw std::bad_alloc();
  const std::unique_ptr<char, decltype(&std::free)> owner(text, &std::free);
  return text;
}

// "4 cores", "1 core"
std::string counted(int count, const std::string& name) {
  return fmt::format("{} {}{}", count, name, count == 1 ? "" : "s");
}

int objects(hwloc_topology* topology, hwloc_obj_type_t type) {
  return hwloc_get_nbobjs_by_type(topology, type);
}

// The level of the largest caches, those next to memory; nothing where the machine tells of none.
std::optional<hwloc_obj_type_t> last_level(hwloc_topology* topology) {
  for (const hwloc_obj_type_t type :
       {HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE})
    if (objects(topology, type) > 0) return type;
  return {};
}

// "32 MiB", "1.25 MiB", "512 KiB"
std::string size_of_cache(hwloc_obj_t cache) {
  const double kib = static_cast<double>(cache->attr->cache.size) / 1024;
  return kib >= 1024 ? fmt::format("{:g} MiB", kib / 1024) : fmt::format("{:g} KiB", kib);
}

}  // namespace

void FreeCpuSet::operator()(hwloc_bitmap_s* set) const { hwloc_bitmap_free(set); }
void Machine::Close::operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }

Machine::Machine() {
  hwloc_topology_t topology = nullptr;
  if (hwloc_topology_init(&topology) != 0)
    throw run_error("hwloc cannot be initialised: {}", errno_text(errno));
  topology_.reset(topology);
  // Cores keep their numbers and caches their siblings, however few of them are this process's.
  hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  if (hwloc_topology_load(topology) != 0)
    throw run_error("hwloc cannot read the topology of this node: {}", errno_text(errno));
}

CpuSet Machine::all() const { return copy_of(hwloc_topology_get_allowed_cpuset(topology_.get())); }

CpuSet Machine::of_thread() const {
  CpuSet set = new_set();
  if (hwloc_get_cpubind(topology_.get(), set.get(), HWLOC_CPUBIND_THREAD) != 0) return all();
  return set;
}

CpuSet Machine::of_process() const {
  CpuSet mine = of_thread(), places = new_set();
  for (const int cpu : openmp_places()) hwloc_bitmap_set(places.get(), static_cast<unsigned>(cpu));
  return hwloc_bitmap_isincluded(mine.get(), places.get()) != 0 ? std::move(places) : std::move(mine);
}

std::vector<int> Machine::cores(const CpuSet& cpus) const {
  std::vector<int> cores;
  for (int i = 0; i < objects(topology_.get(), HWLOC_OBJ_CORE); ++i) {
    const hwloc_obj_t core = hwloc_get_obj_by_type(topology_.get(), HWLOC_OBJ_CORE, static_cast<unsigned>(i));
    if (hwloc_bitmap_intersects(core->cpuset, cpus.get()) != 0)
      cores.push_back(hwloc_bitmap_first(core->cpuset));
  }
  if (!cores.empty()) return cores;
  for (int cpu = hwloc_bitmap_first(cpus.get()); cpu >= 0; cpu = hwloc_bitmap_next(cpus.get(), cpu))
    cores.push_back(cpu);  // the kernel does not tell of cores
  return cores;
}

std::string Machine::core_ranges(const CpuSet& cpus) const {
  const CpuSet set = new_set();
  for (const int core : cores(cpus)) hwloc_bitmap_set(set.get(), static_cast<unsigned>(core));
  return list_of(set);
}

std::string Machine::numa_nodes(const CpuSet& cpus) const {
  const CpuSet nodes = new_set();
  hwloc_cpuset_to_nodeset(topology_.get(), cpus.get(), nodes.get());
  return list_of(nodes);
}

std::string Machine::caches(const CpuSet& cpus) const {
  const auto level = last_level(topology_.get());
  if (!level) return {};
  const CpuSet numbers = new_set();
  hwloc_obj_t cache = nullptr, any = nullptr;
  while ((cache = hwloc_get_next_obj_by_type(topology_.get(), *level, cache)) != nullptr) {
    if (hwloc_bitmap_intersects(cache->cpuset, cpus.get()) == 0) continue;
    hwloc_bitmap_set(numbers.get(), cache->logical_index);
    any = cache;
  }
  if (any == nullptr) return {};
  return fmt::format("L{} {} of {}", any->attr->cache.depth, list_of(numbers), size_of_cache(any));
}

std::string Machine::summary() const {
  hwloc_topology* const t = topology_.get();
  std::string text = counted(objects(t, HWLOC_OBJ_PACKAGE), "package") + ", " +
                     counted(objects(t, HWLOC_OBJ_NUMANODE), "NUMA node");
  if (const auto level = last_level(t)) {
    const hwloc_obj_t first = hwloc_get_obj_by_type(t, *level, 0);
    text += fmt::format(", {} of {}",
                        counted(objects(t, *level), fmt::format("L{} cache", first->attr->cache.depth)),
                        size_of_cache(first));
  }
  return text + ", " + counted(objects(t, HWLOC_OBJ_CORE), "core") + ", " +
         counted(objects(t, HWLOC_OBJ_PU), "hardware thread");
}

const Machine& this_machine() {
  static const Machine machine;
  return machine;
}

}  // namespace lockstep
