#include "kernels/columns.cuh"
#include "kernels/merge_heads.hpp"
#include "kernels/vector.cuh"

namespace lockstep::kernels {
namespace {

struct Merge {
  HeadGradients from;
  Bf16* merged;

  template <int W>
  __device__ void at(std::int64_t row, std::int64_t column, float (&values)[W]) const {
    // Both fit 32 bits, which divide in a third of the time.
    const auto width = static_cast<unsigned>(from.heads * from.depth);
    const auto depth = static_cast<unsigned>(from.depth), length = static_cast<unsigned>(from.length);
    const unsigned part = static_cast<unsigned>(column) / width,
                   within = static_cast<unsigned>(column) % width;
    const unsigned head = within / depth, d = within % depth;
    const unsigned sample = static_cast<unsigned>(row) / length, token = static_cast<unsigned>(row) % length;
    const HeadStrides& s = from.strides[part];
    load<W>(from.parts[part] + sample * s.batch + head * s.head + token * s.token + d, values);
    store<W>(merged + row * 3 * from.heads * from.depth + column, values);
  }
};

bool in_vectors_of_8(const HeadGradients& from) {
  if (from.depth % 8 != 0) return false;
  for (int part = 0; part < 3; ++part) {
    const HeadStrides& s = from.strides[part];
    if (s.batch % 8 != 0 || s.head % 8 != 0 || s.token % 8 != 0 || !in_vectors<8>(from.parts[part], 8))
      return false;
  }
  return true;
}

}  // namespace

void merge_heads(const HeadGradients& from, Bf16* merged, float* partial_sums, cudaStream_t stream) {
  const std::int64_t rows = from.batch * from.length, columns = 3 * from.heads * from.depth;
  const bool vectors = in_vectors_of_8(from) && in_vectors<8>(merged, columns);
  pass_over_columns<8>(Merge{from, merged}, vectors, rows, columns, partial_sums, stream, "merge_heads");
}

}  // namespace lockstep::kernels
