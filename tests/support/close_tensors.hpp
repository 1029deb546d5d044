// How far tensors are from what they should be; see closeness.hpp.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "support/closeness.hpp"

namespace lockstep::test {

// The largest of |a - b|, of any dtypes on one device. NaN when an element is, when the shapes are not the
// same (none is broadcast), and when there is no element.
inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined() || a.sizes() != b.sizes() || a.numel() == 0) return kNotComparable;
  const at::Tensor x = a.detach().to(at::kDouble), y = b.detach().to(at::kDouble);
  return (x - y).abs().masked_fill(x == y, 0).max().item<double>();  // at::max keeps a NaN
}

// Of all pairs; NaN, too, when there are none, or one list is longer.
inline double largest_difference(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  if (a.size() != b.size() || a.empty()) return kNotComparable;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = larger(largest, largest_difference(a[i], b[i]));
  return largest;
}

// |found - expected| <= absolute + relative * |expected| for every element of tensors of one shape.
inline bool all_close(const at::Tensor& found, const at::Tensor& expected, double relative, double absolute) {
  return found.defined() && expected.defined() && found.sizes() == expected.sizes() &&
         at::allclose(found.to(at::kDouble), expected.to(at::kDouble), relative, absolute);
}

}  // namespace lockstep::test
