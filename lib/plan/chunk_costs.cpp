#include "plan/chunk_costs.hpp"

#include <cmath>

#include "base/error.hpp"

namespace lockstep {

namespace {

void require_cost(const LayerCost& layer, std::size_t index) {
  for (const double seconds : {layer.forward_seconds, layer.backward_seconds})
    if (!std::isfinite(seconds) || seconds < 0)
      throw input_error("layer {} takes {} s; times must be at least 0", index, seconds);
  for (const std::int64_t bytes : {layer.parameter_bytes, layer.output_bytes, layer.saved_bytes})
    if (bytes < 0) throw input_error("layer {} has {} bytes; sizes must be at least 0", index, bytes);
}

template <typename Value, typename Of>
std::vector<Value> prefix_sums(const std::vector<LayerCost>& layers, Of of) {
  std::vector<Value> sums = {0};
  for (const LayerCost& layer : layers) sums.push_back(sums.back() + of(layer));
  return sums;
}

}  // namespace

ChunkCosts::ChunkCosts(const PartitionProblem& problem)
    : stages_(static_cast<int>(problem.schedule.size())),
      per_parameter_(stage_memory(1, problem.optimizer_moments, 0).total()) {
  const std::vector<LayerCost>& layers = problem.layers;
  for (std::size_t i = 0; i < layers.size(); ++i) require_cost(layers[i], i);
  for (const int peak : peak_in_flight(problem.schedule)) peak_.push_back(peak);
  forward_ = prefix_sums<double>(layers, [](const LayerCost& l) { return l.forward_seconds; });
  backward_ = prefix_sums<double>(layers, [](const LayerCost& l) { return l.backward_seconds; });
  compute_ =
      prefix_sums<double>(layers, [](const LayerCost& l) { return l.forward_seconds + l.backward_seconds; });
  parameters_ = prefix_sums<std::int64_t>(layers, [](const LayerCost& l) { return l.parameter_bytes; });
  saved_ = prefix_sums<std::int64_t>(layers, [](const LayerCost& l) { return l.saved_bytes; });
  message_.assign(layers.size() + 1, 0);
  input_.assign(layers.size() + 1, 0);
  if (stages_ == 1) return;
  for (std::size_t i = 1; i < layers.size(); ++i) {
    message_[i] = problem.link.seconds(layers[i - 1].output_bytes);
    input_[i] = layers[i - 1].output_bytes;
  }
}

}  // namespace lockstep
