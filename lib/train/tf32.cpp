#include "train/tf32.hpp"

#include <ATen/Context.h>

#include "nn/suppressed_warnings.hpp"

namespace lockstep {

void allow_tf32(bool allow) {
  // Newer versions of LibTorch have other names for this too, and say so once a process.
  const SuppressedWarnings silent("");
  at::globalContext().setAllowTF32CuBLAS(allow);
  at::globalContext().setAllowTF32CuDNN(allow);
  static_cast<void>(at::globalContext().allowTF32CuBLAS());
  static_cast<void>(at::globalContext().allowTF32CuDNN());
}

}  // namespace lockstep
