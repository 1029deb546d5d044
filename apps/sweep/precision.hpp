// Which points have been launched often enough.
#pragma once

#include <string>
#include <vector>

namespace lockstep {

// uuids of the runs whose step time is not known well enough: those of every group whose speedup has an
// interval that is wider than `share` of it, up or down, and those of its baseline. folder: of the runs.
std::vector<std::string> runs_to_repeat(const std::string& folder, double share);

}  // namespace lockstep
