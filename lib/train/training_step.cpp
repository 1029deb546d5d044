#include "train/training_step.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace lockstep {

namespace {

torch::Tensor moved(const torch::Tensor& host, torch::Device device) {
  return device.is_cpu() ? host : host.to(device, /*non_blocking=*/true);
}

// (2), of one element each.
torch::Tensor together(const torch::Tensor& loss, const torch::Tensor& norm) {
  return at::cat({loss.view({1}), norm.view({1})});
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

StepResults::StepResults(torch::Device device, std::int64_t steps)
    : host_(torch::full({steps, 2}, std::numeric_limits<float>::quiet_NaN(),
                        torch::TensorOptions().dtype(torch::kFloat32).pinned_memory(device.is_cuda()))),
      data_(host_.data_ptr<float>()) {}

void StepResults::write(std::int64_t step, const torch::Tensor& loss, const torch::Tensor& norm) {
  if (loss.is_cuda() && norm.is_cuda()) {
    host_.select(0, step).copy_(together(loss, norm), /*non_blocking=*/true);
    return;
  }
  for (std::int64_t i = 0; const torch::Tensor& value : {loss, norm}) {
    const std::int64_t place = 2 * step + i++;
    if (value.is_cpu())
      data_[place] = *value.data_ptr<float>();
    else
      host_.view({-1}).narrow(0, place, 1).copy_(value.view({1}), /*non_blocking=*/true);
  }
}

TrainingStep::TrainingStep(const RunConfig& config, torch::Device device, Strategy& strategy,
                           const Task& task, FlatOptimizer& optimizer, StepRecorder& recorder,
                           WorkAudit& audit, StepGraphs& graphs)
    : training_(config.training),
      training_seed_(config.run.seed),
      device_(device),
      strategy_(strategy),
      task_(task),
      optimizer_(optimizer),
      recorder_(recorder),
      audit_(audit),
      graphs_(graphs),
      copies_(device),
      results_(device, 0) {
  if (device.is_cuda() && task.reads_terms()) terms_ = torch::ones({}, device);
}

void TrainingStep::begin_epoch(std::int64_t steps) {
  results_ = StepResults(device_, steps);
  work_.assign(static_cast<std::size_t>(steps), {});
}

float TrainingStep::mean_loss(std::int64_t step) const {
  const StepWork& done = work(step);
  if (done.loss_terms == 0) return 0;
  return loss_share(step) * static_cast<float>(done.step_terms) / static_cast<float>(done.loss_terms);
}

void TrainingStep::count(std::int64_t step, StepRow& row) const {
  const StepWork& done = work(step);
  row.samples = static_cast<std::int32_t>(done.samples);
  row.loss_terms = static_cast<std::int32_t>(done.loss_terms);
  row.tokens = static_cast<std::int32_t>(done.tokens);
  row.padded_tokens = static_cast<std::int32_t>(done.padded_tokens);
  row.loss = mean_loss(step);
  row.grad_norm = gradient_norm(step);
}

void TrainingStep::run(Loader* loader, std::int64_t step, std::int64_t global_step, double learning_rate) {
  torch::Tensor loss_share;  // (), summed over the passes
  StepWork& work = work_[static_cast<std::size_t>(step)];
  candidate_.reset();
  recorder_.begin_step();
  for (std::int64_t pass = 0; pass < training_.accumulate; ++pass) {
    recorder_.enter(Phase::data);
    const LoadedBatch* loaded = load(loader, work);

    const StepGraphs::Key key = loaded ? key_of(*loaded) : StepGraphs::Key();
    StepGraphs::Step* const captured = graphs_.find(key);
    if (captured)
      recorder_.enter_on_host(Phase::h2d);
    else
      recorder_.enter(Phase::h2d);
    if (pass == 0) prepare(loaded, global_step, learning_rate);
    if (captured) return replay(*captured, *loaded, step);
    const StepBatch batch = batch_of(loaded);

    strategy_.dropout_context() = {training_seed_, global_step, batch.first_sample};
    const torch::Tensor loss =
        strategy_.pass(batch, task_, recorder_, {pass == 0, pass + 1 == training_.accumulate});
    loss_share = loss_share.defined() ? loss_share + loss : loss;
    if (!key.empty() && graphs_.ran(key)) candidate_ = {key, batch};
  }
  results_.write(step, loss_share, finish());
  recorder_.end_step();
}

const LoadedBatch* TrainingStep::load(Loader* loader, StepWork& work) {
  if (!loader) return nullptr;
  copies_.before_next();
  const LoadedBatch& loaded = loader->next();
  work.step_terms = loaded.step_terms;
  if (!strategy_.counts()) return &loaded;
  audit_.record(loaded.ids, loaded.padding);
  work.samples += loaded.targets.size(0) - loaded.padding;
  work.loss_terms += loaded.terms;
  work.tokens += loaded.tokens;
  work.padded_tokens += loaded.padded_tokens;
  return &loaded;
}

void TrainingStep::prepare(const LoadedBatch* loaded, std::int64_t global_step, double learning_rate) {
  strategy_.dropout_context() = {training_seed_, global_step, loaded ? loaded->first_sample : 0};
  strategy_.prepare_step();
  if (strategy_.updates()) optimizer_.begin_step(learning_rate);
  if (loaded && terms_.defined()) terms_.fill_(static_cast<double>(loaded->step_terms));
}

StepBatch TrainingStep::batch_of(const LoadedBatch* loaded) {
  if (!loaded) return {};
  StepBatch batch = to_device(*loaded, task_, device_, loaded->targets.size(0));
  batch.terms = terms_;
  copies_.enqueued();
  return batch;
}

torch::Tensor TrainingStep::finish() {
  // On a GPU with nothing to wait for, nothing would lie between two marks.
  if (device_.is_cpu() || strategy_.communicates()) recorder_.enter(Phase::wait);
  strategy_.finish_gradients();

  if (!strategy_.updates()) {
    recorder_.enter(Phase::optimizer);
    return torch::zeros({}, device_);
  }
  const DeviceMark mark = recorder_.enter_with_kernel(Phase::optimizer);
  torch::Tensor norm = strategy_.whole_norm(optimizer_.gradient_norm(mark), recorder_);
  optimizer_.apply(norm, training_.grad_clip);
  strategy_.finish_update(recorder_);
  return norm;
}

// A step is captured as a whole or not at all, on all ranks or on none.
StepGraphs::Key TrainingStep::key_of(const LoadedBatch& loaded) const {
  if (!graphs_.enabled() || loaded.targets.size(0) * strategy_.replicas() != loaded.step_samples) return {};
  StepGraphs::Key key{terms_.defined() ? 0 : loaded.step_terms};
  for (const torch::Tensor& tensor : {loaded.inputs, loaded.targets}) {
    key.push_back(static_cast<std::int64_t>(tensor.scalar_type()));
    key.insert(key.end(), tensor.sizes().begin(), tensor.sizes().end());
  }
  return key;
}

void TrainingStep::replay(StepGraphs::Step& captured, const LoadedBatch& loaded, std::int64_t step) {
  captured.set_batch(loaded.inputs, loaded.targets);
  copies_.enqueued();
  captured.replay(results_.place(step));
  recorder_.end_step();
}

std::string TrainingStep::capture() {
  const Candidate candidate = *std::exchange(candidate_, std::nullopt);
  const auto body = [&](const torch::Tensor& inputs, const torch::Tensor& targets) {
    StepBatch batch = candidate.batch;
    batch.inputs = task_.inputs(inputs, targets);
    batch.targets = targets;
    batch.after_loss = &recorder_.offered_mark();
    const torch::Tensor loss = strategy_.pass(batch, task_, recorder_, {true, true});
    return StepGraphs::Numbers{loss, finish()};
  };
  const std::string failure =
      graphs_.capture(candidate.key, candidate.batch.inputs.front(), candidate.batch.targets, body);
  if (!failure.empty()) strategy_.abandon_step();
  return failure;
}

void TrainingStep::drop_captured() { graphs_.disable(); }

void TrainingStep::communicate(std::int64_t step) {
  recorder_.begin_step();
  recorder_.enter(Phase::wait);
  strategy_.finish_gradients();
  results_.write(step, torch::zeros({}), torch::full({}, std::numeric_limits<float>::quiet_NaN()));
  recorder_.end_step();
}

}  // namespace lockstep
