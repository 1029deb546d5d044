// SlowPasses: why the passes of a group take longer than their share of the baseline's, as far as the runs
// can tell, and which run would tell the rest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/model/summary.hpp"

namespace lockstep {

struct SlowPasses {
  double seconds = 0;  // of a mean step beyond the share of the baseline's passes
  struct Cause {
    enum class Kind {
      smaller_batch,  // a rank has fewer samples a step, and passes have a part that does not grow with them
      communication,  // passes beside communication take longer than without: they share cores and memory
      more_threads,   // more compute threads than cores
      slower_clock,   // the GPUs' clocks are lower
      // As the counters of the compute threads show.
      instructions,   // more of them
      per_cycle,      // fewer of them in a cycle: they wait for memory and caches
      frequency,      // of the cores: it is lower
      kernel,         // processor time in the kernel
      waiting,        // for a core: the threads could have run
      shared_memory,  // what remains: bandwidth of the memory that ranks share, or a lower clock of the CPU
      unexplained     // what remains where the counters have told that
    } kind;
    double seconds = 0;  // NaN: known to be there, not how much
  };
  std::vector<Cause> causes;  // in the order in which they were told apart; they add up to `seconds`
  struct Untold {
    Cause::Kind kind;  // what would be told apart from the last of the causes
    std::string run;   // by which run, as people start it
  };
  std::vector<Untold> ask;
  bool is_told() const { return ask.empty(); }
};

// baseline: a group of one rank. Nothing where the passes do not take longer, a budget does not close, or the
// group's ranks have parts of the model only.
std::optional<SlowPasses> slow_passes(const WorkloadSummary& workload, const GroupSummary& group,
                                      const GroupSummary& baseline);

// Of a mean step of a group's mean rank; nothing where a launch has not counted.
std::optional<ComputeCounts> counts_of(const GroupSummary& group);

// One sentence: the causes, the largest first, with their milliseconds, and what would tell the rest.
std::string words_for(const SlowPasses& passes);

}  // namespace lockstep
