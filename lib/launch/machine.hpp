// The node as hwloc sees it: its cores, caches and NUMA nodes, and where threads may run. Binds nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

struct hwloc_bitmap_s;
struct hwloc_topology;

namespace lockstep {

// Logical CPUs.
struct FreeCpuSet {
  void operator()(hwloc_bitmap_s* set) const;
};
using CpuSet = std::unique_ptr<hwloc_bitmap_s, FreeCpuSet>;

// Local. Const functions may be called from several threads.
class Machine {
 public:
  // Reads the topology, which takes milliseconds. Error when hwloc cannot.
  Machine();

  CpuSet all() const;         // that the control group lets its processes run on
  CpuSet of_thread() const;   // that the calling thread may run on
  CpuSet of_process() const;  // of_thread(), where OpenMP has bound that to one of its places: all of them

  // Cores of these CPUs, each by its lowest logical CPU, whether that is among them or not.
  std::vector<int> cores(const CpuSet& cpus) const;
  std::string core_ranges(const CpuSet& cpus) const;  // the same as "0-3,8"
  std::string numa_nodes(const CpuSet& cpus) const;   // "0-1", numbers of the operating system
  std::string caches(const CpuSet& cpus) const;       // "L3 0-1 of 32 MiB", numbers of hwloc; "" without any

  // "2 packages, 2 NUMA nodes, 8 L3 caches of 32 MiB, 64 cores, 128 hardware threads"
  std::string summary() const;

 private:
  struct Close {
    void operator()(hwloc_topology* topology) const;
  };
  std::unique_ptr<hwloc_topology, Close> topology_;
};

// Read once a process.
const Machine& this_machine();

}  // namespace lockstep
