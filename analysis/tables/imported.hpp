// What may be claimed of imported results.
#pragma once

#include <string>
#include <vector>

#include "analysis/import/claims.hpp"
#include "analysis/tables/table.hpp"

namespace lockstep {

Page claims_page(const ImportedClaims& claims, const std::vector<std::string>& left_out);

}  // namespace lockstep
