// DeviceMark: when a replayed CUDA graph of a training step comes to a phase, written by a kernel that the step needs
// anyway. A kernel for the mark alone would cost a short step more than the record may.
#pragma once

#include <cstdint>
#include <utility>

namespace lockstep {

// *word becomes the device's timer, in ns. Empty: nothing is written.
struct DeviceMark {
  std::uint64_t* word =
      nullptr;  // device memory: a store to the host's would hold up what follows the kernel

  explicit operator bool() const { return word != nullptr; }
};

// A mark that a kernel may take upon itself. Where none does, whoever offers it sees to it.
class MarkOffer {
 public:
  MarkOffer() = default;
  explicit MarkOffer(const DeviceMark& mark) : mark_(mark) {}

  // Empty when there is none, or it is taken. Whoever asks writes it.
  DeviceMark take() {
    taken_ = taken_ || mark_;
    return std::exchange(mark_, {});
  }
  bool taken() const { return taken_; }

 private:
  DeviceMark mark_;
  bool taken_ = false;
};

}  // namespace lockstep
