#include "nn/sampling.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {

std::int64_t sample_token(const torch::Tensor& logits, double temperature, RandomStream& stream) {
  const torch::Tensor values = logits.detach().to(torch::kCPU, torch::kFloat64).contiguous();  // (V)
  const double* begin = values.data_ptr<double>();
  const double* end = begin + values.numel();
  const double* largest = std::max_element(begin, end);
  if (temperature == 0) return largest - begin;
  const auto weight = [&](double logit) { return std::exp((logit - *largest) / temperature); };
  double sum = 0;
  for (const double* p = begin; p != end; ++p) sum += weight(*p);
  double left = stream.uniform() * sum;
  for (const double* p = begin; p != end; ++p) {
    left -= weight(*p);
    if (left < 0) return p - begin;
  }
  return largest - begin;  // the sum's rounding
}

}  // namespace lockstep
