#include "train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "launch/flight_recorder.hpp"
#include "train/learning_rate_schedule.hpp"

namespace lockstep {

namespace {

constexpr int kLoaderDepth = 4;

std::unique_ptr<Strategy> make_strategy(Setup& setup, WorkLog* log) {
  if (setup.pipeline)
    return make_pipeline_strategy(setup.mode, *setup.pipeline, setup.model, *setup.communicator, setup.config,
                                  log);
  if (setup.config.parallel.algorithm == Algorithm::parameter_server)
    return make_parameter_server_strategy(setup.mode, setup.model, *setup.communicator, setup.config, log);
  return make_replicated_strategy(setup.mode, setup.model, *setup.communicator, setup.config, log);
}

std::unique_ptr<Loader> make_loader(const Setup& setup, const Strategy& strategy) {
  if (!strategy.loads()) return nullptr;
  auto loader = std::make_unique<Loader>(setup.data.train, setup.batches, strategy.replica(),
                                         setup.config.data.workers, kLoaderDepth, setup.device.is_cuda());
  loader->slow_down(setup.loader_slow_factor);
  return loader;
}

BucketTable bucket_table(const FlatBuckets& buckets) {
  BucketTable table;
  for (const BucketPlan::Bucket& bucket : buckets.plan().buckets) {
    table.bytes.push_back(bucket.elements * static_cast<std::int64_t>(sizeof(float)));
    table.parameters.push_back(static_cast<std::int64_t>(bucket.slots.size()));
    table.first_parameter.push_back(buckets.parameters()[bucket.slots.front().parameter].name);
  }
  return table;
}

}  // namespace

Trainer::Trainer(Setup& setup, World& world, SteadyTime origin, std::string run)
    : setup_(setup),
      world_(world),
      stream_(setup.device),
      task_(make_task(setup.task, setup.data.train->info())),
      strategy_(make_strategy(setup, &log_)),
      recorder_(setup, world, *strategy_, log_, origin),
      optimizer_(setup.config.training.optimizer, strategy_->buckets()),
      audit_(setup.data.train->size()),
      capture_(setup, world, recorder_.phases(), &log_),
      step_(setup.config, setup.device, *strategy_, *task_, optimizer_, recorder_.phases(), audit_,
            capture_.graphs()),
      loader_(make_loader(setup, *strategy_)),
      book_(setup, world, *strategy_, *task_),
      checkpoints_(setup, world, *strategy_, optimizer_, std::move(run)) {}

void Trainer::resume(const Checkpoint& checkpoint) {
  checkpoints_.load(checkpoint);
  first_epoch_ = checkpoint.facts().epochs_done;
  steps_done_ = checkpoint.facts().steps_done;
}

void Trainer::record_to(const RunOutput& output) {
  output_ = output;
  book_.record_to(output);
}

TrainingResult Trainer::run() {
  for (std::int64_t epoch = first_epoch_; steps_done_ < setup_.total_steps; ++epoch) {
    run_epoch(epoch);
    checkpoints_.save_if_due(epoch + 1, steps_done_, output_);
  }
  strategy_->require_quiet();
  return book_.result();
}

std::int64_t Trainer::steps_in_epoch(std::int64_t epoch) const {
  const std::int64_t per_epoch = setup_.batches.steps_per_epoch();
  return std::min(per_epoch, setup_.total_steps - epoch * per_epoch);
}

void Trainer::run_epoch(std::int64_t epoch) {
  const std::int64_t steps = steps_in_epoch(epoch);
  world_.flight().activity.enter("beginning epoch", epoch + 1);
  const std::int64_t computed = run_steps(epoch, steps);
  world_.flight().activity.enter("gathering epoch", epoch + 1);
  recorder_.end_epoch();
  require_finite_losses();
  const RankEpoch mine = recorder_.take_epoch(step_);
  if (epoch == first_epoch_) {
    recorder_.report_overhead(mine, output_);
    capture_.report(output_);
  }
  steps_done_ += steps;
  book_.close({.number = epoch, .steps_done = steps_done_, .computed = computed}, mine, audit_,
              recorder_.gpu());
}

std::int64_t Trainer::run_steps(std::int64_t epoch, std::int64_t steps) {
  if (loader_) loader_->begin_epoch(epoch);
  step_.begin_epoch(steps);
  audit_.begin_epoch();
  recorder_.begin_epoch(steps);
  losses_checked_ = 0;
  std::int64_t computed = 0;
  world_.barrier();  // the epoch begins together; what follows is compared across ranks
  for (std::int64_t step = 0; step < steps; ++step) {
    world_.flight().activity.enter("training step", steps_done_ + step + 1);
    run_step(step, computes(epoch, step));
    computed += computes(epoch, step) ? 1 : 0;
    recorder_.end_step(step);
    require_finite_losses();
    if (output_.exists()) show_progress(epoch, step);
    if (step == 0 && epoch == first_epoch_) adopt_rebuilt_buckets();
    if (step_.may_capture() && step + 1 < steps) capture_.capture(step_);
  }
  return computed;
}

void Trainer::run_step(std::int64_t step, bool computes) {
  if (!computes) return step_.communicate(step);
  const std::int64_t global_step = steps_done_ + step;
  step_.run(loader_.get(), step, global_step,
            learning_rate(setup_.config.training, global_step, setup_.total_steps));
}

void Trainer::adopt_rebuilt_buckets() {
  recorder_.phases().exclude_gap();
  const BucketPlan before = strategy_->buckets().plan();
  if (strategy_->rebuild_buckets()) optimizer_.relayout(before);
  // comm_only sums them again and again, which zeros stand and others do not.
  if (setup_.config.parallel.ablation == Ablation::comm_only) strategy_->buckets().zero_gradients();
  if (output_.exists()) output_.writer->set_buckets(bucket_table(strategy_->buckets()));
}

void Trainer::require_finite_losses() {
  for (; losses_checked_ < recorder_.phases().resolved_steps(); ++losses_checked_) {
    const float loss = step_.loss_share(losses_checked_);
    if (!std::isfinite(loss))
      throw run_error("the loss is {} at step {}; lower training.optimizer.lr, or set training.grad_clip",
                      loss, steps_done_ + losses_checked_);
  }
}

void Trainer::show_progress(std::int64_t epoch, std::int64_t step) {
  const SteadyTime now = steady_now();
  if (losses_checked_ == 0 || !output_.progress->due(now)) return;
  const double elapsed = seconds_between(recorder_.phases().epoch_began(), now);
  const std::int64_t per_epoch = setup_.batches.steps_per_epoch();
  output_.progress->draw(
      now, {.epoch = epoch,
            .epochs = (setup_.total_steps + per_epoch - 1) / per_epoch,
            .step = steps_done_ + step + 1,
            .total_steps = setup_.total_steps,
            .loss = step_.mean_loss(losses_checked_ - 1),
            .samples_per_second = static_cast<double>((step + 1) * setup_.batches.global_batch) / elapsed,
            .comm_share = book_.comm_share()});
}

}  // namespace lockstep
