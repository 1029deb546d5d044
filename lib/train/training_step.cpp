#include "train/training_step.hpp"

#include <algorithm>
#include <limits>

namespace lockstep {

namespace {

torch::Tensor moved(const torch::Tensor& host, torch::Device device) {
  return device.is_cpu() ? host : host.to(device, /*non_blocking=*/true);
}

}  // namespace

StepBatch to_device(const LoadedBatch& loaded, const Task& task, torch::Device device, std::int64_t rows) {
  const bool all = rows == loaded.targets.size(0);
  const torch::Tensor inputs = moved(all ? loaded.inputs : loaded.inputs.narrow(0, 0, rows), device);
  const torch::Tensor targets = moved(all ? loaded.targets : loaded.targets.narrow(0, 0, rows), device);
  return {.inputs = task.inputs(inputs, targets),
          .targets = targets,
          .samples = std::min(rows, loaded.targets.size(0) - loaded.padding),
          .step_samples = loaded.step_samples,
          .step_terms = loaded.step_terms,
          .first_sample = loaded.first_sample};
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
                           const Task& task, FlatOptimizer& optimizer, StepRecorder& recorder,
                           WorkAudit& audit)
    : training_(config.training),
      training_seed_(config.run.seed),
      device_(device),
      strategy_(strategy),
      task_(task),
      optimizer_(optimizer),
      recorder_(recorder),
      audit_(audit),
      losses_(device, 0),
      norms_(device, 0) {}

void TrainingStep::begin_epoch(std::int64_t steps) {
  losses_ = StepScalars(device_, steps);
  norms_ = StepScalars(device_, steps);
  work_.assign(static_cast<std::size_t>(steps), {});
}

float TrainingStep::mean_loss(std::int64_t step) const {
  const StepWork& done = work(step);
  if (done.loss_terms == 0) return 0;
  return loss_share(step) * static_cast<float>(done.step_terms) / static_cast<float>(done.loss_terms);
}

void TrainingStep::run(Loader* loader, std::int64_t step, std::int64_t global_step, double learning_rate) {
  torch::Tensor loss_share;  // (), summed over the passes
  StepWork& work = work_[static_cast<std::size_t>(step)];
  recorder_.begin_step();
  for (std::int64_t pass = 0; pass < training_.accumulate; ++pass) {
    recorder_.enter(Phase::data);
    const LoadedBatch* loaded = loader ? &loader->next() : nullptr;
    const bool counts = loaded && strategy_.counts();
    if (counts) audit_.record(loaded->ids, loaded->padding);

    recorder_.enter(Phase::h2d);
    const StepBatch batch =
        loaded ? to_device(*loaded, task_, device_, loaded->targets.size(0)) : StepBatch{};

    strategy_.dropout_context() = {training_seed_, global_step, batch.first_sample};
    const torch::Tensor loss =
        strategy_.pass(batch, task_, recorder_, {pass == 0, pass + 1 == training_.accumulate});
    loss_share = loss_share.defined() ? loss_share + loss : loss;
    work.step_terms = batch.step_terms;
    if (!counts) continue;
    work.samples += batch.samples;
    work.loss_terms += loaded->terms;
    work.tokens += loaded->tokens;
    work.padded_tokens += loaded->padded_tokens;
  }
  recorder_.enter(Phase::wait);
  strategy_.finish_gradients();

  recorder_.enter(Phase::optimizer);
  norms_.write(step, update(learning_rate));
  losses_.write(step, loss_share);
  recorder_.end_step();
}

torch::Tensor TrainingStep::update(double learning_rate) {
  if (!strategy_.updates()) return torch::zeros({}, device_);
  torch::Tensor norm = strategy_.whole_norm(optimizer_.gradient_norm(), recorder_);
  if (training_.grad_clip > 0) optimizer_.clip_gradient(norm, training_.grad_clip);
  optimizer_.step(learning_rate);
  return norm;
}

void TrainingStep::communicate(std::int64_t step) {
  recorder_.begin_step();
  recorder_.enter(Phase::wait);
  strategy_.finish_gradients();
  losses_.write(step, torch::zeros({}));
  recorder_.end_step();
}

}  // namespace lockstep
