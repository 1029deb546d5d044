// What was made of other programs' records, and what may be claimed of their results.
#pragma once

#include <string>
#include <vector>

#include "analysis/import/claims.hpp"
#include "analysis/tables/table.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// A run file or file of commbench that was made of other programs' records.
struct MadeFile {
  std::string path;
  std::string mode;  // of a run; "": a benchmark
  std::int64_t ranks = 0, steps = 0, collectives = 0;
  double step_seconds = 0, exposed_seconds = 0;  // of a run, means over steps and ranks
  std::vector<std::string> notes;                // what was assumed, and what is not known
};
MadeFile made_file(const std::string& path, const RunData& run, std::vector<std::string> notes);
Page made_page(const std::vector<MadeFile>& files, const std::vector<std::string>& left_out);

Page claims_page(const ImportedClaims& claims, const std::vector<std::string>& left_out);

}  // namespace lockstep
