// For tests that need a GPU: programs of their own, with the label gpu, of which every case begins with
//     if (!gpu_is_there()) return;
// so that where none is the program ends as skipped and says why.
#pragma once

#include <torch/cuda.h>

#include "support/outcome.hpp"

namespace lockstep::test {

inline bool gpu_is_there() {
  if (torch::cuda::is_available()) return true;
  say_skipped("there is no GPU that LibTorch can use");
  return false;
}

}  // namespace lockstep::test
