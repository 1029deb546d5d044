// One row a group, one column a metric (metric_columns.hpp). A refused number is "refused [code]".
#pragma once

#include <string>

#include "analysis/model/analysis.hpp"

namespace lockstep {

std::string render_csv(const Analysis& analysis);  // RFC 4180 quoting, lines end in \n

}  // namespace lockstep
