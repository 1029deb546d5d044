#include "train/evaluation.hpp"

#include <cstring>

#include "data/loader.hpp"
#include "train/training_step.hpp"

namespace lockstep {

namespace {

// Counts that live on the device until the split is done: nothing is read back per batch.
struct DeviceCounts {
  torch::Tensor loss_sum;   // (1) fp64
  torch::Tensor confusion;  // (classes * classes) int64

  DeviceCounts(std::int64_t classes, torch::Device device)
      : loss_sum(torch::zeros({1}, torch::TensorOptions().dtype(torch::kFloat64).device(device))),
        confusion(
            torch::zeros({classes * classes}, torch::TensorOptions().dtype(torch::kInt64).device(device))) {}

  void add(const torch::Tensor& logits, const torch::Tensor& targets, std::int64_t classes) {
    loss_sum += at::cross_entropy_loss(logits.to(torch::kFloat32), targets, {}, at::Reduction::Sum);
    const torch::Tensor cell = targets * classes + logits.argmax(1);  // (B)
    confusion += at::bincount(cell, {}, classes * classes);
  }
};

std::string serialise(const ClassificationCounts& counts) {
  std::string bytes(sizeof(double) + counts.confusion.values.size() * sizeof(std::int64_t), '\0');
  std::memcpy(bytes.data(), &counts.loss_sum, sizeof(double));
  std::memcpy(bytes.data() + sizeof(double), counts.confusion.values.data(), bytes.size() - sizeof(double));
  return bytes;
}

void add_serialised(const std::string& bytes, ClassificationCounts& into) {
  double loss_sum;
  std::memcpy(&loss_sum, bytes.data(), sizeof(double));
  into.loss_sum += loss_sum;
  std::vector<std::int64_t> cells(into.confusion.values.size());
  std::memcpy(cells.data(), bytes.data() + sizeof(double), cells.size() * sizeof(std::int64_t));
  for (std::size_t i = 0; i < cells.size(); ++i) {
    into.confusion.values[i] += cells[i];
    into.samples += cells[i];
  }
}

ClassificationCounts evaluate_share(Strategy& strategy, const std::shared_ptr<const Dataset>& split,
                                    const World& world, const EvaluationPlan& plan) {
  const std::int64_t classes = split->info().classes;
  const BatchPlan batches{.dataset_size = split->size(),
                          .global_batch = plan.batch * world.size(),
                          .ranks = world.size(),
                          .shuffle = false};
  Loader loader(split, batches, world.rank(), plan.workers, /*depth=*/3, plan.device.is_cuda());
  loader.begin_epoch(0);
  DeviceCounts counts(classes, plan.device);
  for (std::int64_t step = 0; step < batches.steps_per_epoch(); ++step) {
    const LoadedBatch& batch = loader.next();
    const std::int64_t samples = batch.targets.size(0) - batch.padding;
    if (samples == 0) continue;
    const torch::Tensor logits = strategy.forward(to_device(batch.inputs.narrow(0, 0, samples), plan.device));
    counts.add(logits, to_device(batch.targets.narrow(0, 0, samples), plan.device), classes);
  }
  ClassificationCounts result{.confusion = {classes, classes}};
  result.loss_sum = counts.loss_sum.cpu().data_ptr<double>()[0];
  const torch::Tensor cells = counts.confusion.cpu();
  std::copy_n(cells.data_ptr<std::int64_t>(), cells.numel(), result.confusion.values.begin());
  return result;
}

}  // namespace

ClassificationCounts evaluate(Strategy& strategy, Model& model, std::shared_ptr<const Dataset> split,
                              World& world, const EvaluationPlan& plan) {
  const torch::NoGradGuard no_grad;
  model.eval();
  const ClassificationCounts mine = evaluate_share(strategy, split, world, plan);
  model.train();
  ClassificationCounts sum{.confusion = {mine.confusion.rows, mine.confusion.columns}};
  for (const std::string& share : world.all_gather(serialise(mine))) add_serialised(share, sum);
  return sum;
}

}  // namespace lockstep
