// The loops of embeddings over plain fp32 memory, vectorised. No tensors, no threads. Id 0 is padding: it
// reads as zero and gets nothing.
#pragma once

#include <cstdint>
#include <span>

namespace lockstep::kernels {

// Row i of out (ids x width) = row ids[i] of weight (vocabulary x width).
void gather_rows(std::span<const std::int64_t> ids, const float* weight, std::int64_t width, float* out);

// out (width) = the mean of the rows of weight that the ids other than 0 name; 0 when there is none.
void mean_of_rows(std::span<const std::int64_t> ids, const float* weight, std::int64_t width, float* out);

// Row i of `from`, times scale, is added to row ids[i] of `to`: the first `width` columns of rows that lie
// `stride` apart in `to` and `from_stride` apart in `from`; 0: one row for all ids.
void add_to_rows(std::span<const std::int64_t> ids, const float* from, std::int64_t from_stride, float scale,
                 std::int64_t width, float* to, std::int64_t stride);

// to[i] += scale * from[i]
void add_scaled(std::span<const float> from, float scale, float* to);

}  // namespace lockstep::kernels
