#include "train/classification.hpp"

#include <limits>

namespace lockstep {

torch::Tensor step_loss(const torch::Tensor& logits, const torch::Tensor& targets, std::int64_t samples,
                        std::int64_t step_samples) {
  if (samples == 0) return logits.sum() * 0;  // takes part in backward, and so in every collective
  const bool padded = samples < targets.size(0);
  // Softmax in fp32 whatever the precision of the model.
  const torch::Tensor rows = (padded ? logits.narrow(0, 0, samples) : logits).to(torch::kFloat32);
  const torch::Tensor labels = padded ? targets.narrow(0, 0, samples) : targets;
  const torch::Tensor mean = at::cross_entropy_loss(rows, labels);
  return samples == step_samples ? mean
                                 : mean * (static_cast<double>(samples) / static_cast<double>(step_samples));
}

double ClassificationCounts::mean_loss() const {
  return samples > 0 ? loss_sum / static_cast<double>(samples) : std::numeric_limits<double>::quiet_NaN();
}

double ClassificationCounts::accuracy() const {
  if (samples == 0) return std::numeric_limits<double>::quiet_NaN();
  std::int64_t correct = 0;
  for (std::int64_t c = 0; c < confusion.rows; ++c) correct += confusion.at(c, c);
  return static_cast<double>(correct) / static_cast<double>(samples);
}

}  // namespace lockstep
