// Embedding tables: rows of tokens, their means, and the gradient of a table, which is summed in a fixed order. All
// tensors are contiguous, in device memory of the stream's device; any sizes. Nothing blocks the host.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace lockstep::kernels {

struct Tokens {
  const std::int64_t* ids;  // (documents, length)
  std::int64_t documents, length;
  std::int64_t vocabulary;  // rows of the table
  std::int64_t padding;     // this id embeds to zero and gets no gradient; -1: there is none
};

// out (documents, length, columns): rows of table (vocabulary, columns). An id outside the table makes its row NaN.
void embed_rows(const Tokens& tokens, const float* table, float* out, std::int64_t columns,
                cudaStream_t stream);

// means (documents, columns): over each document's tokens but padding; zero where it has no other. An id outside the
// table makes its mean NaN. shares (documents): what each token counts in its document's mean.
void mean_of_rows(const Tokens& tokens, const float* table, float* means, float* shares, std::int64_t columns,
                  cudaStream_t stream);

// Adds to sums (vocabulary, columns) the gradient of each token but padding and ids outside the table. shares null:
// gradient (documents, length, columns); else gradient (documents, columns), times the document's share. Fewer than 2^31
// tokens. scratch: by_id_scratch() bytes, aligned to 256.
std::size_t by_id_scratch(const Tokens& tokens, std::int64_t columns);
void add_by_id(const Tokens& tokens, const float* gradient, const float* shares, float* sums,
               std::int64_t columns, void* scratch, cudaStream_t stream);

}  // namespace lockstep::kernels
