#include "models/model.hpp"

#include <utility>

namespace lockstep {

void Model::append(const std::string& name, std::shared_ptr<Layer> layer) {
  register_module(name, layer);
  layers_.push_back({name, std::move(layer)});
}

torch::Tensor Model::forward(Flow flow) {
  for (const Entry& entry : layers_) flow = entry.layer->forward(std::move(flow));
  return std::move(flow[0]);
}

std::int64_t Model::parameter_count() const {
  std::int64_t count = 0;
  for (const torch::Tensor& parameter : parameters()) count += parameter.numel();
  return count;
}

double Model::flops_per_sample() const {
  double forward = 0;
  for (const Entry& entry : layers_) forward += entry.layer->forward_flops();
  return 3 * forward;
}

}  // namespace lockstep
