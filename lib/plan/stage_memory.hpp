// What one stage of a split model holds in its device's memory during a step. Pure arithmetic.
#pragma once

#include <cstdint>

namespace lockstep {

// Bytes of one device. Left out: the library's own workspaces, buffers of messages under way, and what a
// layer needs only while it runs.
struct StageMemory {
  std::int64_t parameters = 0;
  std::int64_t gradients = 0;    // as large as the parameters
  std::int64_t moments = 0;      // of the optimizer
  std::int64_t activations = 0;  // of the micro-batches in flight, when most are
  std::int64_t total() const { return parameters + gradients + moments + activations; }
};

// optimizer_moments: tensors of a parameter's size that the optimizer keeps: 0 for SGD, 1 with momentum, 2
// for Adam and AdamW; Error(bad_input) for others. activation_bytes: peak_held() of what one micro-batch
// keeps.
StageMemory stage_memory(std::int64_t parameter_bytes, int optimizer_moments, std::int64_t activation_bytes);

}  // namespace lockstep
