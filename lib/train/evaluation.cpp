#include "train/evaluation.hpp"

#include <utility>
#include <vector>

#include "data/loader.hpp"
#include "launch/flight_recorder.hpp"
#include "train/training_step.hpp"

namespace lockstep {

namespace {

template <typename T>
std::vector<T> values_of(const torch::Tensor& tensor) {
  const T* const first = tensor.data_ptr<T>();
  return {first, first + tensor.numel()};
}

// On all ranks, in the order of the ranks.
Tally sum_over_ranks(const Tally& mine, World& world) {
  Tally sum{torch::zeros_like(mine.sums), torch::zeros_like(mine.counts)};
  const std::pair share(values_of<double>(mine.sums), values_of<std::int64_t>(mine.counts));
  for (const auto& [sums, counts] : world.all_gather(share)) {
    sum.sums += torch::tensor(sums, torch::kFloat64);
    sum.counts += torch::tensor(counts, torch::kInt64);
  }
  return sum;
}

// Nothing is read back per batch: the counts stay on the device until the split is done.
Tally evaluate_share(Strategy& strategy, Model& model, const Task& task,
                     const std::shared_ptr<const Dataset>& split, const EvaluationPlan& plan,
                     Activity& activity) {
  const BatchPlan batches{.dataset_size = split->size(),
                          .global_batch = plan.batch * strategy.replicas(),
                          .ranks = strategy.replicas(),
                          .shuffle = false,
                          .lengths = plan.batching == Batching::length ? split->batching_lengths() : nullptr};
  Loader loader(split, batches, strategy.replica(), plan.workers, /*depth=*/3, plan.device.is_cuda());
  loader.begin_epoch(0);
  PendingCopies copies(plan.device);
  Tally tally = task.start_tally(plan.device);
  for (std::int64_t step = 0; step < batches.steps_per_epoch(); ++step) {
    copies.before_next();
    const LoadedBatch& loaded = loader.next();
    activity.progress();
    const std::int64_t samples = loaded.targets.size(0) - loaded.padding;
    const StepBatch batch = to_device(loaded, task, plan.device, samples);
    copies.enqueued();
    if (samples == 0) continue;
    const torch::Tensor output = strategy.forward(batch.inputs);
    if (!output.defined()) continue;
    task.add(output, batch, tally);
    if (plan.generate)
      task.add_generated(model, batch, *split, std::span(loaded.ids).first(static_cast<std::size_t>(samples)),
                         tally);
  }
  return {tally.sums.cpu(), tally.counts.cpu()};
}

}  // namespace

Evaluation evaluate(Strategy& strategy, Model& model, const Task& task,
                    const std::shared_ptr<const Dataset>& split, World& world, const EvaluationPlan& plan) {
  const torch::NoGradGuard no_grad;
  model.eval();
  const Tally mine = evaluate_share(strategy, model, task, split, plan, world.flight().activity);
  model.train();
  const Evaluation result = task.finish(sum_over_ranks(mine, world));
  require_declared(task, result);
  return result;
}

}  // namespace lockstep
