// Softmax and negative log-likelihood of rows of logits in one kernel, with sums in fp32; the gradient takes
// the place of the logits. Any sizes, device memory of the stream's device; nothing blocks the host.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "base/device_mark.hpp"
#include "kernels/element.hpp"

namespace lockstep::kernels {

struct LogitRows {
  std::int64_t rows, columns;
  std::int64_t pitch;  // elements from one row to the next; what lies between rows is left alone
};

// losses[r] = scale -log softmax(logits[r])[targets[r]], and 0 for a row that counts for nothing: one from
// `real_rows` on, or whose target is `ignored`. Any other target outside [0, columns) makes its loss and
// gradient NaN.
struct RowTargets {
  const std::int64_t* targets;  // (rows)
  std::int64_t ignored;
  std::int64_t real_rows;
  float scale;
  float* losses;  // (rows)
};

// in_place: logits becomes the gradient of the sum of the losses; else it is only read.
void cross_entropy(Bf16* logits, const LogitRows& shape, const RowTargets& what, bool in_place,
                   cudaStream_t stream);
void cross_entropy(float* logits, const LogitRows& shape, const RowTargets& what, bool in_place,
                   cudaStream_t stream);

// total (1): the sum of `rows` losses, in a fixed order. mark: written at the end.
void add_losses(const float* losses, std::int64_t rows, float* total, const DeviceMark& mark,
                cudaStream_t stream);

// values *= *factor, unless that is 1: then nothing is read but the factor. factor: (1), device memory.
void scale_rows(Bf16* values, const LogitRows& shape, const float* factor, cudaStream_t stream);
void scale_rows(float* values, const LogitRows& shape, const float* factor, cudaStream_t stream);

}  // namespace lockstep::kernels
