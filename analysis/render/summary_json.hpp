// The whole analysis as JSON: groups with all their numbers, runs, findings, verdict, units.
#pragma once

#include <string>

#include "analysis/model/analysis.hpp"

namespace lockstep {

std::string summary_json(const Analysis& analysis);

}  // namespace lockstep
