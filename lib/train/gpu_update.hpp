// GpuUpdate: the arguments of an optimizer's step over one bucket on a GPU. Empty in a build without CUDA.
#pragma once

#ifdef LOCKSTEP_WITH_CUDA
#include "kernels/flat_update.hpp"

namespace lockstep {

struct GpuUpdate {
  kernels::FlatBucket bucket;
  const kernels::UpdateScalars* scalars;  // device memory
  kernels::Clipping clipping;
};

}  // namespace lockstep
#endif
