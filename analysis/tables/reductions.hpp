// What runs tried and chose where parallel.overlap or parallel.bucket_mb is auto.
#pragma once

#include <string>
#include <vector>

#include "analysis/tables/group_table.hpp"

namespace lockstep {

// A row for each way that a group's launches tried; without rows if none tried any.
Table reductions_table(const std::vector<NamedGroup>& groups);
// A sentence for each group that left it to its runs: what they chose, and why.
std::vector<std::string> reduction_sentences(const std::vector<NamedGroup>& groups);

}  // namespace lockstep
