// The whole analysis as JSON: runs, groups with their metrics, findings, verdict, units.
#pragma once

#include <string>

#include "analysis/model/analysis.hpp"

namespace lockstep {

// A refused metric is null, and <name>_refused is the code.
std::string render_json(const Analysis& analysis);

}  // namespace lockstep
