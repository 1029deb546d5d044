// Groups: launches of one configuration. Workloads: the groups that trained one model on one data set, among
// which comparisons are made.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analysis/runs/launch.hpp"

namespace lockstep {

struct LaunchGroup {
  std::string label;                    // "seq", "ddp x2", with what tells it from its neighbours
  std::vector<const Launch*> launches;  // usable ones
  std::vector<const Launch*> left_out;  // those that a finding forbids to use
  const Launch& any() const { return launches.empty() ? *left_out.front() : *launches.front(); }
  bool single() const { return launches.size() == 1; }
};

struct Workload {
  std::string model, data;
  std::vector<LaunchGroup> groups;  // sequential first, then by mode, ranks and label
};

// Launches are in a group when every resolved key is equal but those that change neither the work nor its
// speed (seed, name, paths, checkpoints, targets), and mode, ranks, threads, cores, batch, number of steps,
// hardware and versions; of equal seeds, only with equal data.
std::vector<Workload> group_launches(const std::vector<Launch>& launches);

// Whether a key may differ between launches of one configuration.
bool ignored_setting(const std::string& key);

}  // namespace lockstep
