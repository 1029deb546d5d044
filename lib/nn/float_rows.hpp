// Rows of contiguous fp32 matrices on the CPU, for the loops of plain memory, and LibTorch's threads over
// them.
#pragma once

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <cstdint>
#include <span>

namespace lockstep {

// Row r of x: (rows, width), or (width) for r = 0.
inline std::span<float> float_row(const torch::Tensor& x, std::int64_t r) {
  const auto width = x.size(x.dim() - 1);
  return {x.data_ptr<float>() + r * width, static_cast<std::size_t>(width)};
}

// work(r) for each row, over LibTorch's threads.
template <typename Work>
void for_float_rows(std::int64_t rows, const Work& work) {
  constexpr std::int64_t kRowsAThread = 4;
  at::parallel_for(0, rows, kRowsAThread, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) work(r);
  });
}

}  // namespace lockstep
