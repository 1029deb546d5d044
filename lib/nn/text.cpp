#include "nn/text.hpp"

#include <ATen/ATen.h>

namespace lockstep {

torch::Tensor document_lengths(const torch::Tensor& tokens) { return tokens.ne(0).sum(1).clamp_min_(1); }

torch::Tensor document_mask(const torch::Tensor& lengths, std::int64_t longest) {
  return at::arange(longest, lengths.options()).unsqueeze(0) < lengths.unsqueeze(1);
}

}  // namespace lockstep
