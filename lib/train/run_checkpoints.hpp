// RunCheckpoints: when a run writes a checkpoint, what each rank adds to it, and how a run goes on from one.
// The file itself is checkpoint.hpp's, what may differ between the two runs resume.hpp's.
#pragma once

#include <cstdint>
#include <string>

#include "launch/world.hpp"
#include "train/checkpoint.hpp"
#include "train/flat_optimizer.hpp"
#include "train/run_output.hpp"
#include "train/setup.hpp"
#include "train/strategy.hpp"

namespace lockstep {

class RunCheckpoints {
 public:
  // Everything outlives it. run: its uuid.
  RunCheckpoints(const Setup& setup, World& world, const Strategy& strategy, FlatOptimizer& optimizer,
                 std::string run);

  // Collective. Error(bad_input) on every rank when it does not fit.
  void load(const Checkpoint& checkpoint);
  // Collective, after an epoch: writes one where checkpoint.every_epochs asks for it. Both counts include
  // those of the runs that this one goes on from. Rank 0 has an output.
  void save_if_due(std::int64_t epochs_done, std::int64_t steps_done, const RunOutput& output);

 private:
  bool due(std::int64_t epochs_done, std::int64_t steps_done) const;
  Aliases aliases() const;

  const Setup& setup_;
  World& world_;
  const Strategy& strategy_;
  FlatOptimizer& optimizer_;
  std::string run_;
};

}  // namespace lockstep
