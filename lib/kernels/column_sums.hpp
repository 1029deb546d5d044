// Sums over the rows of a matrix, in two stages: a kernel that passes over the rows anyway leaves a few
// partial sums of each column, and column_totals adds them up. Deterministic: the order of every sum is
// fixed.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace lockstep::kernels {

// Partial sums of each column that a pass over rows leaves. They lie in (column_parts, columns) floats.
std::int64_t column_parts(std::int64_t rows, std::int64_t columns);

struct ColumnTotals {
  const float* partial_sums;           // (parts, kinds, columns)
  std::int64_t parts, kinds, columns;  // kinds: of sums, which have each its own totals
  float* totals[3];                    // (columns) each; null: not wanted
  bool add[3];                         // to what stands in totals, in place of setting it
};

void column_totals(const ColumnTotals& what, cudaStream_t stream);

}  // namespace lockstep::kernels
