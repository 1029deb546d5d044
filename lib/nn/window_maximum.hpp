// Convolution over the words of a document, maximum over time and ReLU in one. On the CPU the windows' values
// stay in the cache, and only each filter's largest window is worked on backward.
#pragma once

#include <torch/types.h>

namespace lockstep {

// x: (B, T, E), zero past each document's end; lengths: (B) int64, 1 to T; weight: (kernel, filters, E);
// bias: (filters). A window begins at each word of the document, and what reaches past its end reads zeros:
// the result does not depend on T, and a document shorter than the kernel has windows too. Returns (B,
// filters): max over the windows of relu(window . filter + bias).
torch::Tensor window_maximum(const torch::Tensor& x, const torch::Tensor& lengths,
                             const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace lockstep
