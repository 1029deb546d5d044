#include "train/layer_costs.hpp"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "tasks/task.hpp"
#include "timing/clock.hpp"
#include "train/setup.hpp"

namespace lockstep {

namespace {

// Bytes of the tensors that this thread has allocated and not freed, while it lives.
class HeldBytes final : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, std::int64_t allocated, std::size_t, std::size_t, c10::Device) override {
    bytes += allocated;
  }
  bool memoryProfilingEnabled() const override { return true; }
  std::int64_t bytes = 0;
};

std::int64_t bytes_of(const Flow& flow) {
  std::int64_t bytes = 0;
  for (const torch::Tensor& tensor : flow) bytes += static_cast<std::int64_t>(tensor.nbytes());
  return bytes;
}

struct LayerPass {
  Flow outputs;
  double seconds = 0;
  std::int64_t held_bytes = 0;  // allocated and kept: outputs, and what backward needs
};

LayerPass forward_pass(Layer& layer, Flow inputs, bool differentiate) {
  for (torch::Tensor& tensor : inputs)
    tensor = tensor.detach().requires_grad_(differentiate && tensor.is_floating_point());
  LayerPass pass;
  const auto held = std::make_shared<HeldBytes>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, held);
  const SteadyTime begin = steady_now();
  pass.outputs = layer.forward(std::move(inputs));
  pass.seconds = seconds_between(begin, steady_now());
  pass.held_bytes = held->bytes;
  return pass;
}

double backward_seconds(const Flow& outputs) {
  Flow roots, ones;
  for (const torch::Tensor& output : outputs) {
    if (!output.requires_grad() || output.is_leaf()) continue;
    roots.push_back(output);
    ones.push_back(torch::ones_like(output));
  }
  const SteadyTime begin = steady_now();
  if (!roots.empty()) torch::autograd::backward(roots, ones);
  return seconds_between(begin, steady_now());
}

// Seconds of the whole forward pass. Round 0 warms up and goes forward only.
double measure_round(Model& model, Flow flow, int round, std::vector<LayerCost>& costs) {
  double seconds = 0;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    LayerPass pass = forward_pass(*model.layers()[i].layer, std::move(flow), i > 0);
    LayerCost& cost = costs[i];
    const auto keep = [&](double& kept, double now) { kept = round < 2 ? now : std::min(kept, now); };
    keep(cost.forward_seconds, pass.seconds);
    if (round > 0) keep(cost.backward_seconds, backward_seconds(pass.outputs));
    cost.output_bytes = bytes_of(pass.outputs);
    cost.saved_bytes = std::max(pass.held_bytes, cost.output_bytes);
    flow = std::move(pass.outputs);
    seconds += pass.seconds;
  }
  return seconds;
}

}  // namespace

std::vector<LayerCost> parameter_costs(const Model& model) {
  std::vector<LayerCost> costs;
  for (const Model::Entry& entry : model.layers()) {
    LayerCost& cost = costs.emplace_back();
    for (const torch::Tensor& p : entry.layer->parameters())
      cost.parameter_bytes += static_cast<std::int64_t>(p.nbytes());
    const torch::Tensor tied = entry.layer->tied_weight();
    if (tied.defined()) cost.parameter_bytes += static_cast<std::int64_t>(tied.nbytes());
  }
  return costs;
}

LayerMeasurement measure_layers(Model& model, const Flow& batch) {
  constexpr int kRounds = 3;
  constexpr double kSlow = 0.5;  // seconds of a forward pass
  LayerMeasurement measured{parameter_costs(model), true};
  for (int round = 0; round < kRounds && measured.backward; ++round)
    measured.backward = measure_round(model, batch, round, measured.costs) < kSlow || round > 0;
  if (!measured.backward)
    for (LayerCost& cost : measured.costs) cost.backward_seconds = 2 * cost.forward_seconds;
  model.zero_grad();
  return measured;
}

LayerMeasurement measure_layers(Setup& setup) {
  const std::int64_t parts = micro_batches_of(setup.config), share = setup.batches.largest_micro_batch();
  const std::int64_t rows = std::min((share + parts - 1) / parts, setup.data.train->size());
  Batch batch = setup.data.train->make_batch(rows, /*pinned=*/false);
  std::vector<std::int64_t> ids(static_cast<std::size_t>(rows));
  std::iota(ids.begin(), ids.end(), 0);
  setup.data.train->fetch(ids, 0, batch);
  const auto task = make_task(setup.task, setup.data.train->info());
  Flow inputs = task->inputs(batch.used_inputs(), batch.used_targets());
  for (torch::Tensor& input : inputs) input = input.to(setup.device);
  setup.model->to(setup.device);
  return measure_layers(*setup.model, inputs);
}

// Rank 0 measures, so that all ranks plan with the same numbers.
std::vector<LayerCost> shared_layer_costs(Setup& setup, World& world) {
  if (setup.config.parallel.partition.kind != Partition::Kind::automatic)
    return parameter_costs(*setup.model);
  std::string bytes;
  if (world.rank() == 0) {
    const std::vector<LayerCost> costs = measure_layers(setup).costs;
    bytes.assign(reinterpret_cast<const char*>(costs.data()), costs.size() * sizeof(LayerCost));
  }
  bytes = world.broadcast(bytes);
  std::vector<LayerCost> costs(bytes.size() / sizeof(LayerCost));
  std::memcpy(costs.data(), bytes.data(), bytes.size());
  return costs;
}

}  // namespace lockstep
