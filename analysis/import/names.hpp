// How other projects name what they measure. Internal to analysis/import.
#pragma once

#include <cstdint>
#include <string>

namespace lockstep {

enum class Field {
  none,
  name,
  mode,
  ranks,
  epoch,
  train_loss,
  seconds,
  validation_loss,
  accuracy,
  total_seconds
};

// By the name of a column or key, whatever its case and separators.
Field field_of(const std::string& name);

// "DDP (4 GPUs)" and "results_ddp_4gpu" have 4 ranks and the mode ddp; 0 and "" where the name does not say.
std::int64_t ranks_in(const std::string& name);
std::string mode_in(const std::string& name);

struct ImportedRun;
// Fills in mode and ranks from the run's name; accuracies above 1.5 are percentages and become shares.
void complete(ImportedRun& run);

}  // namespace lockstep
