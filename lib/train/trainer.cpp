#include "train/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "launch/flight_recorder.hpp"
#include "train/learning_rate_schedule.hpp"
#include "train/resume.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include "train/replay_marks.hpp"
#endif

namespace lockstep {

namespace {

constexpr int kLoaderDepth = 4;

std::unique_ptr<Strategy> make_strategy(Setup& setup, WorkLog* log) {
  if (setup.pipeline)
    return make_pipeline_strategy(*setup.pipeline, setup.model, *setup.communicator, setup.config, log);
  if (setup.config.parallel.algorithm == Algorithm::parameter_server)
    return make_parameter_server_strategy(setup.model, *setup.communicator, setup.config, log);
  return make_replicated_strategy(setup.model, *setup.communicator, setup.config, log);
}

std::unique_ptr<Loader> make_loader(const Setup& setup, const Strategy& strategy) {
  if (!strategy.loads()) return nullptr;
  auto loader = std::make_unique<Loader>(setup.data.train, setup.batches, strategy.replica(),
                                         setup.config.data.workers, kLoaderDepth, setup.device.is_cuda());
  loader->slow_down(setup.loader_slow_factor);
  return loader;
}

RecordedSteps recorded_steps(const Setup& setup, const Strategy& strategy) {
  RecordedSteps steps{.device = setup.device,
                      .phases = TrainingStep::phases(strategy, setup.batches.accumulate),
                      .sends_messages = strategy.sends_messages(),
                      .slowdown = setup.sim.slowdown.get()};
  if (setup.pipeline)
    steps.passes = &setup.pipeline->plan.schedule[static_cast<std::size_t>(strategy.stage())];
  return steps;
}

double replayed_marks_cost([[maybe_unused]] const StepRecorder::Counts& marks) {
#ifdef LOCKSTEP_WITH_CUDA
  if (marks.replayed + marks.carried > 0) {
    const ReplayedMarkCost each = measure_replayed_mark_cost();
    return static_cast<double>(marks.replayed) * each.node +
           static_cast<double>(marks.carried) * each.carried;
  }
#endif
  return 0;
}

}  // namespace

Trainer::Trainer(Setup& setup, World& world, SteadyTime origin, std::string run)
    : setup_(setup),
      world_(world),
      stream_(setup.device),
      task_(make_task(setup.task, setup.data.train->info())),
      strategy_(make_strategy(setup, &log_)),
      recorder_(world, log_, origin, recorded_steps(setup, *strategy_)),
      optimizer_(setup.config.training.optimizer, strategy_->buckets(), strategy_->shards(),
                 strategy_->norm_share()),
      reduction_(setup, world, *strategy_, optimizer_, recorder_.phases()),
      audit_(setup.data.train->size()),
      capture_(setup, world, recorder_.phases(), &log_),
      step_(setup.config, setup.device, *strategy_, *task_, optimizer_, recorder_.phases(), audit_,
            capture_.graphs()),
      loader_(make_loader(setup, *strategy_)),
      book_(setup, world, *strategy_, *task_),
      checkpoints_(setup, world, *strategy_, optimizer_, std::move(run)) {}

void Trainer::resume(const Checkpoint& checkpoint) {
  checkpoints_.load(checkpoint);
  const CheckpointFacts& facts = checkpoint.facts();
  if (facts.reduction && same_ranks(checkpoint, setup_, world_.size()))
    reduction_.take_over(*facts.reduction);
  before_ = unfinished_epoch(checkpoint, setup_.data.train->size());
  book_.inherit(facts.invalid_reasons);
  first_step_ = steps_done_ = facts.steps_done;
}

void Trainer::record_to(const RunOutput& output) {
  output_ = output;
  book_.record_to(output);
}

TrainingResult Trainer::run() {
  record_memory();
  checkpoints_.begin(steps_done_, output_);
  reduction_.begin(setup_.total_steps - steps_done_, output_);
  while (steps_done_ < setup_.total_steps && checkpoints_.interruption().empty()) {
    const std::int64_t epoch = steps_done_ / setup_.batches.steps_per_epoch();
    if (epoch != epoch_) begin_epoch(epoch);
    run_part(epoch);
    save_checkpoint_if_due();
  }
  checkpoints_.finish();
  strategy_->require_quiet();
  TrainingResult result = book_.result();
  result.interruption = checkpoints_.interruption();
  return result;
}

std::int64_t Trainer::end_of(std::int64_t epoch) const {
  return std::min((epoch + 1) * setup_.batches.steps_per_epoch(), setup_.total_steps);
}

void Trainer::begin_epoch(std::int64_t epoch) {
  world_.flight().activity.enter("beginning epoch", epoch + 1);
  const std::int64_t done = steps_done_ - epoch * setup_.batches.steps_per_epoch();
  if (loader_) loader_->begin_epoch(epoch, done);
  audit_.begin_epoch();
  recorder_.begin_epoch();
  book_.begin_epoch(done > 0 ? std::move(before_) : nothing_done(setup_.data.train->size()));
  epoch_ = epoch;
  computed_ = done;
}

void Trainer::run_part(std::int64_t epoch) {
  const std::int64_t before = steps_done_;
  run_steps(std::min(end_of(epoch) - steps_done_, checkpoints_.steps_to_next(steps_done_)));
  part_ended_ = steady_now();
  if (steps_done_ == before) return;
  world_.flight().activity.enter("gathering epoch", epoch + 1);
  recorder_.end_part();
  require_finite_losses();
  const RankEpoch mine =
      recorder_.take_part([this](std::int64_t step, StepRow& row) { step_.count(step, row); });
  if (steps_done_ < end_of(epoch)) return book_.add_part(epoch, mine);
  close_epoch(epoch, mine);
}

void Trainer::close_epoch(std::int64_t epoch, const RankEpoch& mine) {
  const EpochConditions conditions = recorder_.end_epoch();
  if (first_step_ >= epoch * setup_.batches.steps_per_epoch()) {  // the first of this run
    report_overhead(mine);
    capture_.report(output_);
  }
  book_.close({.number = epoch, .steps_done = steps_done_, .computed = computed_}, mine, audit_, conditions);
  part_ended_ = steady_now();
}

void Trainer::save_checkpoint_if_due() {
  checkpoints_.save_if_due({.steps_done = steps_done_,
                            .since = part_ended_,
                            .epoch = &book_.unfinished(),
                            .audit = &audit_,
                            .invalid_reasons = &book_.result().invalid_reasons,
                            .reduction = reduction_.chosen()});
}

void Trainer::run_steps(std::int64_t steps) {
  step_.begin_epoch(steps);
  recorder_.begin_part(steps);
  part_begins_at_ = steps_done_;
  losses_checked_ = 0;
  world_.barrier();  // the part begins together; what follows is compared across ranks
  for (std::int64_t step = 0; step < steps; ++step) {
    if (checkpoints_.pauses(steps_done_)) return;
    world_.flight().activity.enter("training step", steps_done_ + 1);
    const bool first = steps_done_ == first_step_;
    run_step(step, computes(steps_done_));
    computed_ += computes(steps_done_) ? 1 : 0;
    ++steps_done_;
    recorder_.end_step(step);
    require_finite_losses();
    if (output_.exists()) show_progress(step);
    if (first) adopt_rebuilt_buckets();
    reduction_.after_step();
    if (step_.may_capture() && step + 1 < steps && !reduction_.running()) capture_.capture(step_);
  }
}

void Trainer::run_step(std::int64_t step, bool computes) {
  if (!computes) return step_.communicate(step);
  step_.run(loader_.get(), step, steps_done_,
            learning_rate(setup_.config.training, steps_done_, setup_.total_steps));
}

void Trainer::adopt_rebuilt_buckets() {
  recorder_.phases().exclude_gap();
  const BucketPlan before = strategy_->buckets().plan();
  if (strategy_->rebuild_buckets()) optimizer_.relayout(before);
  // comm_only sums them again in every step: zeros stay zeros, other values would overflow.
  if (setup_.config.parallel.ablation == Ablation::comm_only) strategy_->buckets().zero_gradients();
  if (output_.exists()) output_.writer->set_buckets(bucket_table(strategy_->buckets()));
}

void Trainer::record_memory() {
  const auto bytes_of = [](const std::vector<torch::Tensor>& flats) {
    std::int64_t bytes = 0;
    for (const torch::Tensor& flat : flats) bytes += static_cast<std::int64_t>(flat.nbytes());
    return bytes;
  };
  const FlatBuckets& buckets = strategy_->buckets();
  const auto& values = buckets.values_in_common() ? strategy_->shards()->values() : buckets.values();
  const MemoryTable memory{.parameters = world_.gather(bytes_of(values)),
                           .gradients = world_.gather(strategy_->gradient_bytes()),
                           .optimizer = world_.gather(optimizer_.state_bytes())};
  if (output_.exists()) output_.writer->set_memory(memory);
}

void Trainer::require_finite_losses() {
  for (; losses_checked_ < recorder_.phases().resolved_steps(); ++losses_checked_) {
    const float loss = step_.loss_share(losses_checked_);
    if (!std::isfinite(loss))
      throw run_error("the loss is {} at step {}; lower training.optimizer.lr, or set training.grad_clip",
                      loss, part_begins_at_ + losses_checked_);
  }
}

void Trainer::report_overhead(const RankEpoch& epoch) {
  const double share = recorder_.overhead(epoch, replayed_marks_cost(recorder_.phases().counts()));
  if (!output_.exists()) return;
  output_.writer->set_recorder_overhead(share);
  output_.writer->set_counters_absent(recorder_.counters_absent());
  output_.progress->line(fmt::format("recording costs {:.3f} % of a step", 100 * share));
}

void Trainer::show_progress(std::int64_t step) {
  const SteadyTime now = steady_now();
  if (losses_checked_ == 0 || !output_.progress->due(now)) return;
  const double elapsed = seconds_between(recorder_.phases().epoch_began(), now);
  const std::int64_t per_epoch = setup_.batches.steps_per_epoch();
  output_.progress->draw(
      now, {.epoch = epoch_,
            .epochs = (setup_.total_steps + per_epoch - 1) / per_epoch,
            .step = steps_done_,
            .total_steps = setup_.total_steps,
            .loss = step_.mean_loss(losses_checked_ - 1),
            .samples_per_second = static_cast<double>((step + 1) * setup_.batches.global_batch) / elapsed,
            .comm_share = book_.comm_share()});
}

}  // namespace lockstep
