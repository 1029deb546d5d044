// --dry-run: what a run would do, without training: resolved configuration, device map, bucket plan, memory.
#pragma once

#include <string>

#include "comm/world.hpp"
#include "train/setup.hpp"

namespace lockstep {

// Collective; the text is complete on rank 0 and empty elsewhere.
std::string dry_run_text(Setup& setup, World& world);

}  // namespace lockstep
