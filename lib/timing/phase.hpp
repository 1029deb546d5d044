// The phases that a step is made of, as the step names them while it runs.
#pragma once

namespace lockstep {

enum class Phase { data, h2d, forward, backward, wait, optimizer, other };
inline constexpr int kPhases = 7;

const char* name_of(Phase phase);

}  // namespace lockstep
