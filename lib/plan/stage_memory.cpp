#include "plan/stage_memory.hpp"

#include "base/error.hpp"

namespace lockstep {

StageMemory stage_memory(std::int64_t parameter_bytes, int optimizer_moments, std::int64_t activation_bytes) {
  if (optimizer_moments < 0 || optimizer_moments > 2)
    throw input_error("an optimizer with {} moments; 0, 1 and 2 are known", optimizer_moments);
  return {parameter_bytes, parameter_bytes, parameter_bytes * optimizer_moments, activation_bytes};
}

}  // namespace lockstep
