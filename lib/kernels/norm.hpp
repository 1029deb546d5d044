// The 2-norm of several flat arrays together: one launch for the squares of each array, and one for the root
// of them all. Deterministic: the order of every sum is fixed. Nothing blocks the host.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "base/device_mark.hpp"

namespace lockstep::kernels {

// Sums that square_sums writes for an array of this many elements.
std::int64_t square_sum_count(std::int64_t elements);
// sums: (square_sum_count(count)), device memory; float products and sums in a thread, double across threads. mark:
// written at the begin.
void square_sums(const float* values, std::int64_t count, double* sums, const DeviceMark& mark,
                 cudaStream_t stream);
// norm (1): the root of the sum of `count` sums.
void root_of_sums(const double* sums, std::int64_t count, float* norm, cudaStream_t stream);

}  // namespace lockstep::kernels
