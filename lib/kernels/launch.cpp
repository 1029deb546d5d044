#include "kernels/launch.hpp"

#include <cuda_runtime_api.h>

#include "base/error.hpp"

namespace lockstep::kernels {

void check_launch(const char* kernel) {
  const cudaError_t code = cudaGetLastError();
  if (code == cudaErrorNoKernelImageForDevice)
    throw run_error(
        "{}: this build has no code for this GPU; configure with -DCMAKE_CUDA_ARCHITECTURES=native", kernel);
  if (code != cudaSuccess) throw run_error("{} failed: {}", kernel, cudaGetErrorString(code));
}

}  // namespace lockstep::kernels
