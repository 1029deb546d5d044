#include "parallel/tied_weights.hpp"

#include <vector>

namespace lockstep {

namespace {

// The name of the layer's parameter that this is; empty: it has none.
std::string name_in(const Model::Entry& entry, const torch::Tensor& weight) {
  std::string name;
  for (const auto& p : entry.layer->named_parameters())
    if (p.value().is_same(weight)) name = entry.name + "." + p.key();
  return name;
}

}  // namespace

TiedWeight untie(const Model& model, int here, const std::function<int(int layer)>& stage_of) {
  TiedWeight tied;
  const auto& layers = model.layers();
  for (std::size_t reader = 0; reader < layers.size(); ++reader) {
    const torch::Tensor weight = layers[reader].layer->tied_weight();
    if (!weight.defined()) continue;
    for (std::size_t owner = 0; owner < layers.size(); ++owner) {
      const std::string name = name_in(layers[owner], weight);
      const int reads = stage_of(static_cast<int>(reader)), owns = stage_of(static_cast<int>(owner));
      if (name.empty() || owns == reads) continue;
      layers[reader].layer->own_tied_weight();
      if (reads == here) {
        tied.weight = layers[reader].layer->named_parameters(/*recurse=*/false)["weight"];
        tied.stage = owns;
        tied.copy = true;
        tied.aliases = {{layers[reader].name + ".weight", name}};
      } else if (owns == here) {
        tied.weight = weight;
        tied.stage = reads;
      }
    }
  }
  return tied;
}

void sum_tied_gradients(const TiedWeight& tied, Communicator& communicator, WorkLog* log,
                        std::int64_t channel) {
  if (tied.stage < 0) return;
  const torch::NoGradGuard no_grad;
  torch::Tensor mine = tied.weight.mutable_grad();
  const torch::Tensor theirs = torch::empty_like(mine);
  const WorkPtr exchanged = communicator.exchange(mine, theirs, tied.stage);
  if (log) log->add_message(exchanged, channel);
  exchanged->wait();
  mine.add_(theirs);
}

}  // namespace lockstep
