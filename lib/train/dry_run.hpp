// --dry-run: what a run would do, without training: resolved configuration, device map, bucket plan; of split
// models the stages, their memory and the schedule.
#pragma once

#include <string>

#include "base/mode.hpp"
#include "config/run_config.hpp"
#include "launch/world.hpp"

namespace lockstep {

struct DryRun {
  std::string text;  // complete on rank 0, empty elsewhere
  std::string svg;   // the schedule of a split model, rank 0; empty for others
};

// Collective. mode: as prepare_setup takes it. ranks: of the run; 0: those that are there. Layers of a split
// model are measured on rank 0. Error(bad_input) for whatever of the configuration does not fit.
DryRun dry_run(RunConfig config, Mode mode, int ranks, World& world);

}  // namespace lockstep
