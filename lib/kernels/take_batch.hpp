// A captured step's first kernel: the batch, from where the host has put it to where the step reads it.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "base/device_mark.hpp"

namespace lockstep::kernels {

// An array in device memory, aligned to 16 bytes, that lies in one of two places.
struct TwoPlaces {
  const void* from[2];
  void* to;
  std::size_t bytes;
};

// Replay n copies from place n % 2. count: replays that have ended; mark: written at the end; ticket: 0 before and
// after, of no other use. All device memory.
struct TakeBatch {
  TwoPlaces inputs, targets;
  const std::uint64_t* count;
  DeviceMark mark;
  unsigned* ticket;
};
void take_batch(const TakeBatch& what, cudaStream_t stream);

}  // namespace lockstep::kernels
