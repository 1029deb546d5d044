// The samples of a run as rows of long tables, under the names that docs/run-file.md gives them.
#pragma once

#include <string>
#include <vector>

#include "analysis/render/long_table.hpp"
#include "results/run_data.hpp"

namespace lockstep {

enum class RunTable { steps, epochs, comm };

// run (the uuid), mode, ranks; then the table's own. Stable: columns are added, never renamed.
std::vector<std::string> run_table_columns(RunTable table);
void add_run_rows(LongTable& out, RunTable table, const RunData& run);

}  // namespace lockstep
