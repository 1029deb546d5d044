// The phases that a step is made of, as the step names them while it runs.
#pragma once

namespace lockstep {

// stall: a pipeline stage has no input to work on.
enum class Phase { data, h2d, forward, backward, wait, optimizer, other, stall };
inline constexpr int kPhases = 8;

const char* name_of(Phase phase);

}  // namespace lockstep
