// Compute threads and the cores that they may run on: whether some of them must take turns. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/run_data.hpp"

namespace lockstep {

// A set of numbers of cores, as ranges: its size is that of its text, whatever the text says.
class CoreSet {
 public:
  CoreSet() = default;
  // "0-3,8", or with blanks for commas; what is no number is passed over.
  explicit CoreSet(std::string_view text);

  std::int64_t size() const;
  bool empty() const { return ranges_.empty(); }
  bool contains(const CoreSet& other) const;
  void add(const CoreSet& other);
  bool operator<(const CoreSet& other) const { return ranges_ < other.ranges_; }

 private:
  void normalise();
  std::map<std::int64_t, std::int64_t> ranges_;  // first core to last; disjoint, with gaps between
};

// More threads than the cores that all of them may run on.
struct CrowdedCores {
  std::string host = {};
  std::int64_t ranks = 0, threads = 0;  // ranks: with such threads
  double cores = 0;                     // or the CPUs that the control group allows, if those are fewer
  bool all_have_room = false;           // the host's ranks have enough cores together, but share some
};

// The worst place of all hosts: the cores of a host, or some of them to which too many threads are bound. A rank
// without RankEnvironment::thread_cores has threads that run on any of its cores; where a rank has no names of
// cores either, ranks with more cores than threads are taken to share them.
std::optional<CrowdedCores> find_crowded_cores(const std::vector<RankEnvironment>& ranks);

inline constexpr const char* kCrowdedCoresSentence =
    "more threads compute than there are cores, so they take turns: {}";
// What goes into the sentence: "4 threads of 2 ranks on 2 cores of 'n17'; start fewer ranks there, or set
// parallel.threads"
std::string describe(const CrowdedCores& crowded);

}  // namespace lockstep
