// How other projects name their measurements. Internal to analysis/import.
#pragma once

#include <cstdint>
#include <string>

namespace lockstep {

enum class Field {
  none,
  name,
  mode,
  ranks,
  rank,         // which of them wrote the file
  epoch,        // number of one
  epoch_count,  // how many there were; as a column with several rows, the number of one
  train_loss,
  epoch_seconds,  // by its name of one epoch
  seconds,        // of an epoch, since the start or of all: the name does not say
  elapsed,        // by its name since the start
  total_seconds,
  validation_loss,
  accuracy,
};

// By the name of a column or key, whatever its case and separators.
Field field_of(const std::string& name);
bool is_time(Field field);

// "DDP (4 GPUs)", "results_2gpu_run1" and "world_size=8" have 4, 2 and 8 ranks, and the mode ddp or "". A number
// counts with a word for devices next to it alone; 0 where none has: "ddp_run1", "resnet18", "gpu0", "4 workers".
std::int64_t ranks_in(const std::string& name);
std::string mode_in(const std::string& name);
// "log_rank3" is of rank 3; -1 where the name does not say. And the name without that.
std::int64_t rank_in(const std::string& name);
std::string without_rank(const std::string& name);

// "metrics", "results", "history" and such name no run.
bool is_generic(const std::string& name);
// "summary", "average" and such name what follows from the runs beside them.
bool is_summary(const std::string& name);

}  // namespace lockstep
