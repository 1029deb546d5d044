#include "train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "launch/flight_recorder.hpp"
#include "train/checkpoint.hpp"
#include "train/lr_schedule.hpp"
#include "train/resume.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include "kernels/stamp.hpp"
#include "timing/device_events.hpp"
#include "train/current_stream.hpp"
#endif

namespace lockstep {

namespace {

constexpr int kLoaderDepth = 4;

std::unique_ptr<DeviceTimeline> make_timeline(torch::Device device, std::size_t phases) {
#ifdef LOCKSTEP_WITH_CUDA
  if (device.is_cuda())
    return make_cuda_timeline(
        StepRecorder::timeline_slots(phases), [] { return static_cast<void*>(current_stream()); },
        [](std::uint64_t* word, void* stream) {
          kernels::stamp_at(word, static_cast<cudaStream_t>(stream));
        });
#endif
  static_cast<void>(device);
  static_cast<void>(phases);
  return nullptr;
}

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

}  // namespace

Trainer::Trainer(Setup& setup, World& world, SteadyTime origin, std::string run)
    : setup_(setup),
      world_(world),
      stream_(setup.device),
      task_(make_task(setup.task, setup.data.train->info())),
      comm_log_(origin),
      strategy_(make_strategy(setup, &log_)),
      timeline_(make_timeline(setup.device, TrainingStep::phases(*strategy_, setup.batches.accumulate))),
      recorder_(origin, TrainingStep::phases(*strategy_, setup.batches.accumulate), timeline_.get()),
      optimizer_(setup.config.training.optimizer, strategy_->buckets()),
      audit_(setup.data.train->size()),
      graph_obstacle_(setup.config.training.cuda_graph == CudaGraphUse::off ? "training.cuda_graph is off"
                                                                            : graph_obstacle(setup)),
      graphs_(graph_obstacle_.empty(), recorder_, &log_),
      step_(setup.config, setup.device, *strategy_, *task_, optimizer_, recorder_, audit_, graphs_),
      gpu_monitor_(monitor_of(setup.device)),
      loader_(make_loader(setup, *strategy_)),
      run_(std::move(run)) {
  recorder_.set_slowdown(setup.sim.slowdown.get());
  recorder_.set_activity(&world.flight().activity);
}

std::int64_t Trainer::steps_in_epoch(std::int64_t epoch) const {
  const std::int64_t per_epoch = setup_.batches.steps_per_epoch();
  return std::min(per_epoch, setup_.total_steps - epoch * per_epoch);
}

TrainingResult Trainer::run() {
  TrainingResult result;
  for (std::int64_t epoch = first_epoch_; steps_done_ < setup_.total_steps; ++epoch) {
    run_epoch(epoch, result);
    save_checkpoint_if_due(epoch + 1);
  }
  strategy_->require_quiet();
  return result;
}

void Trainer::at(const char* part, std::int64_t number) { world_.flight().activity.enter(part, number); }

void Trainer::record_to(RunWriter& writer, Progress& progress, std::string folder) {
  writer_ = &writer;
  progress_ = &progress;
  folder_ = std::move(folder);
}

void Trainer::resume(const Checkpoint& checkpoint) {
  load_on_all_ranks(checkpoint, world_, *setup_.model, optimizer_, aliases());
  first_epoch_ = checkpoint.facts().epochs_done;
  steps_done_ = checkpoint.facts().steps_done;
}

void Trainer::save_checkpoint_if_due(std::int64_t epochs_done) {
  const RunConfig::Checkpoint& when = setup_.config.checkpoint;
  const bool whole_epochs = steps_done_ == epochs_done * setup_.batches.steps_per_epoch();
  if (when.every_epochs == 0 || epochs_done % when.every_epochs != 0 || !whole_epochs) return;
  at("saving the checkpoint after epoch", epochs_done);
  // The stages of the first replica have the whole model between them, or rank 0 has it.
  const bool has_part = setup_.pipeline ? strategy_->replica() == 0 : world_.rank() == 0;
  CheckpointTensors mine;
  if (has_part) mine = checkpoint_tensors(*setup_.model, optimizer_, aliases());
  std::vector<std::string> parts;
  if (setup_.pipeline) {
    parts = world_.gather(has_part ? encode_tensors(std::move(mine.tensors), {}) : "");
    mine.tensors = merge_parts(parts);
  }
  if (world_.rank() != 0) return;
  save_checkpoint(folder_ + "/checkpoint", checkpoint_facts(setup_, run_, epochs_done, steps_done_),
                  when.keep, std::move(mine.tensors));
}

Aliases Trainer::aliases() const { return setup_.pipeline ? setup_.pipeline->aliases : Aliases(); }

void Trainer::run_epoch(std::int64_t epoch, TrainingResult& result) {
  const std::int64_t steps = steps_in_epoch(epoch);
  at("beginning epoch", epoch + 1);
  run_steps(epoch, steps);
  at("gathering epoch", epoch + 1);
  const RankEpoch mine = collect(steps);
  if (epoch == first_epoch_) {
    report_overhead(mine);
    report_graphs();
  }
  strategy_->synchronise();
  check_replicas(epoch, result);
  const AuditRow audit = audit_epoch(epoch, steps, result);
  write_epoch(epoch, mine, evaluate_epoch(epoch, result), audit);
  steps_done_ += steps;
  recorded_steps_ += steps;
}

void Trainer::run_steps(std::int64_t epoch, std::int64_t steps) {
  if (loader_) loader_->begin_epoch(epoch);
  step_.begin_epoch(steps);
  recorder_.begin_epoch(steps);
  audit_.begin_epoch();
  losses_checked_ = 0;
  log_.clear();  // what evaluation has sent is no part of a step
  if (gpu_monitor_) gpu_monitor_->begin_epoch();
  world_.barrier();  // the epoch begins together; what follows is compared across ranks
  for (std::int64_t step = 0; step < steps; ++step) {
    const std::int64_t global_step = steps_done_ + step;
    at("training step", global_step + 1);
    if (computes(epoch, step))
      step_.run(loader_.get(), step, global_step,
                learning_rate(setup_.config.training, global_step, setup_.total_steps));
    else
      step_.communicate(step);
    comm_log_.take(log_, static_cast<std::int32_t>(recorded_steps_ + step));
    comm_log_.resolve_below(recorded_steps_ + recorder_.resolved_steps());
    require_finite_losses();
    if (progress_) show_progress(epoch, step);
    if (step == 0 && epoch == first_epoch_) adopt_rebuilt_buckets();
    if (step_.may_capture() && step + 1 < steps) capture_step();
  }
}

void Trainer::adopt_rebuilt_buckets() {
  recorder_.exclude_gap();
  const BucketPlan before = strategy_->buckets().plan();
  if (strategy_->rebuild_buckets()) optimizer_.relayout(before);
  // comm_only sums them again and again, which zeros stand and others do not.
  if (setup_.config.parallel.ablation == Ablation::comm_only) strategy_->buckets().zero_gradients();
  if (!writer_) return;
  BucketTable table;
  const FlatBuckets& buckets = strategy_->buckets();
  for (const BucketPlan::Bucket& bucket : buckets.plan().buckets) {
    table.bytes.push_back(bucket.elements * static_cast<std::int64_t>(sizeof(float)));
    table.parameters.push_back(static_cast<std::int64_t>(bucket.slots.size()));
    table.first_parameter.push_back(buckets.parameters()[bucket.slots.front().parameter].name);
  }
  writer_->set_buckets(table);
}

void Trainer::capture_step() {
  recorder_.exclude_gap();
  at("capturing a step", -1);
  graph_obstacle_ = step_.capture();
  if (world_.size() > 1)  // on all ranks or on none: a collective is captured everywhere or nowhere
    for (const std::string& theirs : world_.all_gather(graph_obstacle_))
      if (graph_obstacle_.empty()) graph_obstacle_ = theirs;
  if (graph_obstacle_.empty()) return;
  step_.drop_captured();
  const RunConfig& config = setup_.config;
  if (config.training.cuda_graph == CudaGraphUse::on)
    throw input_error("{}: the step of {} cannot be captured: {}; set it to auto",
                      config.place("training.cuda_graph"), setup_.model->name(), graph_obstacle_);
}

void Trainer::report_graphs() {
  if (!setup_.device.is_cuda() || !writer_) return;
  const std::string text = graphs_.size() > 0        ? "captured"
                           : graph_obstacle_.empty() ? "no shape of batch came back often enough"
                                                     : graph_obstacle_;
  writer_->set_cuda_graph(text);
  progress_->line("CUDA graphs: " + text);
}

void Trainer::require_finite_losses() {
  for (; losses_checked_ < recorder_.resolved_steps(); ++losses_checked_) {
    const float loss = step_.loss_share(losses_checked_);
    if (!std::isfinite(loss))
      throw run_error("the loss is {} at step {}; lower training.optimizer.lr, or set training.grad_clip",
                      loss, steps_done_ + losses_checked_);
  }
}

void Trainer::show_progress(std::int64_t epoch, std::int64_t step) {
  const SteadyTime now = steady_now();
  if (losses_checked_ == 0 || !progress_->due(now)) return;
  const std::int64_t seen = losses_checked_ - 1;
  const double elapsed = seconds_between(recorder_.epoch_began(), now);
  const std::int64_t per_epoch = setup_.batches.steps_per_epoch();
  progress_->draw(
      now, {.epoch = epoch,
            .epochs = (setup_.total_steps + per_epoch - 1) / per_epoch,
            .step = steps_done_ + step + 1,
            .total_steps = setup_.total_steps,
            .loss = step_.mean_loss(seen),
            .samples_per_second = static_cast<double>((step + 1) * setup_.batches.global_batch) / elapsed,
            .comm_share = comm_share_});
}

}  // namespace lockstep
