// The loops of a convolution over words followed by the maximum over time, on plain fp32 memory, vectorised.
// No tensors, no threads.
#pragma once

#include <cstdint>
#include <span>

namespace lockstep::kernels {

// A window is `kernel` words from a word of the document on; words past its end count as zero. products:
// (length, kernel, filters), of each word with each place of each filter. best (filters): the largest over
// the `length` windows of the sum over a window's places. at (filters): the first word of that window.
void largest_windows(std::span<const float> products, std::int64_t length, std::int64_t kernel,
                     std::int64_t filters, float* best, std::int32_t* at);

}  // namespace lockstep::kernels
