#include "train/training_step.hpp"

#include <limits>

#include "train/classification.hpp"

namespace lockstep {

torch::Tensor to_device(const torch::Tensor& host, torch::Device device) {
  return device.is_cpu() ? host : host.to(device, /*non_blocking=*/true);
}

StepScalars::StepScalars(torch::Device device, std::int64_t steps)
    : host_(torch::full({steps}, std::numeric_limits<float>::quiet_NaN(),
                        torch::TensorOptions().dtype(torch::kFloat32).pinned_memory(device.is_cuda()))),
      host_data_(host_.data_ptr<float>()) {}

void StepScalars::write(std::int64_t step, const torch::Tensor& value) {
  if (value.is_cpu())
    host_data_[step] = *value.data_ptr<float>();
  else
    host_.narrow(0, step, 1).copy_(value.view({1}), /*non_blocking=*/true);
}

TrainingStep::TrainingStep(const RunConfig& config, torch::Device device, Strategy& strategy,
                           FlatOptimizer& optimizer, StepRecorder& recorder, WorkAudit& audit)
    : training_(config.training),
      training_seed_(config.run.seed),
      device_(device),
      strategy_(strategy),
      optimizer_(optimizer),
      recorder_(recorder),
      audit_(audit),
      losses_(device, 0),
      norms_(device, 0) {}

void TrainingStep::begin_epoch(std::int64_t steps) {
  losses_ = StepScalars(device_, steps);
  norms_ = StepScalars(device_, steps);
  samples_.assign(static_cast<std::size_t>(steps), 0);
  step_samples_.assign(static_cast<std::size_t>(steps), 0);
}

float TrainingStep::mean_loss(std::int64_t step) const {
  if (samples(step) == 0) return 0;
  return loss_share(step) * static_cast<float>(step_samples(step)) / static_cast<float>(samples(step));
}

void TrainingStep::run(Loader& loader, std::int64_t step, std::int64_t global_step, double learning_rate) {
  torch::Tensor loss_share;  // (), summed over the micro batches
  const auto index = static_cast<std::size_t>(step);
  recorder_.begin_step();
  for (std::int64_t micro = 0; micro < training_.accumulate; ++micro) {
    recorder_.enter(Phase::data);
    const LoadedBatch& batch = loader.next();
    audit_.record(batch.ids, batch.padding);

    recorder_.enter(Phase::h2d);
    const torch::Tensor inputs = to_device(batch.inputs, device_);    // (B, sample shape...)
    const torch::Tensor targets = to_device(batch.targets, device_);  // (B)

    recorder_.enter(Phase::forward);
    strategy_.dropout_context() = {training_seed_, global_step, batch.first_sample};
    const std::int64_t samples = targets.size(0) - batch.padding;
    const torch::Tensor loss = step_loss(strategy_.forward(inputs), targets, samples, batch.step_samples);

    recorder_.enter(Phase::backward);
    if (micro == 0) strategy_.buckets().zero_gradients();
    strategy_.backward(loss, micro + 1 == training_.accumulate);
    loss_share = loss_share.defined() ? loss_share + loss.detach() : loss.detach();
    samples_[index] += samples;
    step_samples_[index] = batch.step_samples;
  }
  recorder_.enter(Phase::wait);
  strategy_.finish_gradients();

  recorder_.enter(Phase::optimizer);
  const torch::Tensor norm = optimizer_.clip_gradient(training_.grad_clip);
  optimizer_.step(learning_rate);
  losses_.write(step, loss_share);
  norms_.write(step, norm);
  recorder_.end_step();
}

}  // namespace lockstep
