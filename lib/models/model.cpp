#include "models/model.hpp"

#include <utility>

namespace lockstep {

void Model::append(const std::string& name, std::shared_ptr<Layer> layer) {
  register_module(name, layer);
  layers_.push_back({name, std::move(layer)});
}

Model::Model(std::string name, std::span<const Entry> layers, std::shared_ptr<DropoutContext> context)
    : torch::nn::Module(name), dropout_context_(std::move(context)) {
  for (const Entry& entry : layers) append(entry.name, entry.layer);
}

torch::Tensor Model::forward(Flow inputs) { return std::move(flow(std::move(inputs))[0]); }

Flow Model::flow(Flow inputs) {
  for (const Entry& entry : layers_) inputs = entry.layer->forward(std::move(inputs));
  return layers_.empty() ? inputs : layers_.back().layer->settled(std::move(inputs));
}

void Model::prepare_step() {
  for (const Entry& entry : layers_) entry.layer->prepare_step();
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
