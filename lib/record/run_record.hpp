// RunRecord: where a run is put: on rank 0 its folder, log and run file; on the others nothing. While it
// lives, what ends all ranks before their time is written there too.
#pragma once

#include <c10/core/Device.h>

#include <memory>
#include <string>
#include <vector>

#include "base/mode.hpp"
#include "launch/world.hpp"
#include "record/run_output.hpp"
#include "results/run_data.hpp"
#include "timing/clock.hpp"

namespace lockstep {

// Collective. A new run with all that is known of it without its model and its data: header, ranks,
// libraries, fingerprint. device, threads: what this rank computes on;
// loader_threads: that it has besides.
RunData describe_run(World& world, Mode mode, const c10::Device& device, int threads, int loader_threads);

// Collective. Rank 0's clock now, on this rank's clock. run: of describe_run().
SteadyTime common_start(World& world, const RunData& run);

struct RunPlace {
  std::string output;                   // the run's folder is made in this one
  std::string option = "--output DIR";  // what to change where that cannot be done
  bool quiet = false;                   // nothing on the terminal
};

class RunRecord {
 public:
  // Not collective. Makes <output>/<name of the run>/. Error(bad_input) where that cannot be done.
  RunRecord(World& world, const RunPlace& place, const RunData& run);
  ~RunRecord();
  RunRecord(const RunRecord&) = delete;
  RunRecord& operator=(const RunRecord&) = delete;

  RunOutput output() const { return {writer_.get(), progress_.get(), folder_}; }
  // A line for the log and the terminal; on rank 0.
  void line(const std::string& text) const;

  // Closes the run file. wall_seconds: since the common start.
  void finish(const std::vector<std::string>& invalid_reasons, double wall_seconds) const;
  // The same for a run that has failed; never throws.
  void fail(const std::string& reason) const noexcept;

 private:
  World& world_;
  std::string folder_;
  std::unique_ptr<Progress> progress_;
  std::unique_ptr<RunWriter> writer_;
};

}  // namespace lockstep
