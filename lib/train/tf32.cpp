#include "train/tf32.hpp"

#include <ATen/Context.h>
#include <c10/util/Exception.h>

namespace lockstep {

namespace {

class Silent final : public c10::WarningHandler {
  void process(const c10::Warning&) override {}
};

}  // namespace

void allow_tf32(bool allow) {
  // Newer versions of LibTorch have other names for this too, and say so once a process.
  Silent silent;
  const c10::WarningUtils::WarningHandlerGuard guard(&silent);
  at::globalContext().setAllowTF32CuBLAS(allow);
  at::globalContext().setAllowTF32CuDNN(allow);
  static_cast<void>(at::globalContext().allowTF32CuBLAS());
  static_cast<void>(at::globalContext().allowTF32CuDNN());
}

}  // namespace lockstep
