#include "train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "base/digest.hpp"
#include "comm/flight_recorder.hpp"
#include "train/checkpoint.hpp"
#include "train/lr_schedule.hpp"
#include "train/memory.hpp"
#include "train/resume.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include <c10/cuda/CUDAStream.h>

#include "kernels/stamp.hpp"
#include "timing/device_events.hpp"
#include "train/replay_marks.hpp"
#endif

namespace lockstep {

namespace {

constexpr int kLoaderDepth = 4;

std::unique_ptr<DeviceTimeline> make_timeline(torch::Device device, std::size_t phases) {
#ifdef LOCKSTEP_WITH_CUDA
  if (device.is_cuda())
    return make_cuda_timeline(
        StepRecorder::timeline_slots(phases),
        [] { return static_cast<void*>(c10::cuda::getCurrentCUDAStream().stream()); },
        [](std::uint64_t* word, void* stream) {
          kernels::stamp_at(word, static_cast<cudaStream_t>(stream));
        });
#endif
  static_cast<void>(device);
  static_cast<void>(phases);
  return nullptr;
}

double captured_mark_cost() {
#ifdef LOCKSTEP_WITH_CUDA
  return measure_replayed_mark_cost();
#else
  return 0;
#endif
}

// Equal on all ranks exactly when the parameters are, bit for bit.
std::string parameter_digest(const FlatBuckets& buckets) {
  Digest digest;
  for (const torch::Tensor& values : buckets.values()) {
    const torch::Tensor host = values.cpu();
    digest.add(host.data_ptr(), static_cast<std::size_t>(host.numel()) * sizeof(float));
  }
  return digest.hex();
}

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double mean_training_loss(const StepTable& steps) {
  double sum = 0, terms = 0;
  for (std::size_t i = 0; i < steps.loss.values.size(); ++i) {
    const std::int32_t weight = steps.loss_terms.values[i];
    if (weight == 0) continue;
    sum += static_cast<double>(steps.loss.values[i]) * weight;
    terms += weight;
  }
  return sum / terms;
}

double sum_of(const Matrix<double>& matrix) {
  return std::accumulate(matrix.values.begin(), matrix.values.end(), 0.0);
}

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

RankEpoch Trainer::collect(std::int64_t steps) {
  RankEpoch epoch;
  const std::vector<StepSpans> spans = recorder_.take_epoch();
  if (gpu_monitor_) gpu_ = gpu_monitor_->end_epoch();
  require_finite_losses();
  epoch.comm = comm_log_.take_intervals();
  if (strategy_->sends_messages()) align_messages(world_, epoch.comm);
  if (setup_.pipeline) collect_stages(spans, epoch);
  auto next = epoch.comm.begin();
  for (std::int64_t s = 0; s < steps; ++s) {
    std::vector<CommInterval> of_step;
    for (; next != epoch.comm.end() && next->step == recorded_steps_ + s; ++next) of_step.push_back(*next);
    epoch.rows.push_back(step_row(spans[static_cast<std::size_t>(s)], of_step, setup_.device.is_cuda()));
    const StepWork& work = step_.work(s);
    epoch.samples.push_back(static_cast<std::int32_t>(work.samples));
    epoch.loss_terms.push_back(static_cast<std::int32_t>(work.loss_terms));
    epoch.tokens.push_back(static_cast<std::int32_t>(work.tokens));
    epoch.padded_tokens.push_back(static_cast<std::int32_t>(work.padded_tokens));
    epoch.loss.push_back(step_.mean_loss(s));
    epoch.grad_norm.push_back(step_.gradient_norm(s));
  }
  return epoch;
}

void Trainer::collect_stages(const std::vector<StepSpans>& spans, RankEpoch& epoch) const {
  const auto& actions = setup_.pipeline->plan.schedule[static_cast<std::size_t>(strategy_->stage())];
  for (std::size_t s = 0; s < spans.size(); ++s) {
    const auto step = static_cast<std::int32_t>(recorded_steps_ + static_cast<std::int64_t>(s));
    const std::vector<StagePass> passes = stage_passes(spans[s], actions, step);
    epoch.stages.insert(epoch.stages.end(), passes.begin(), passes.end());
  }
}

void Trainer::report_overhead(const RankEpoch& epoch) {
  std::vector<double> walls;
  for (const StepRow& row : epoch.rows) walls.push_back(row.wall);
  const StepRecorder::Counts marks = recorder_.counts();
  double cost = static_cast<double>(marks.made) * measure_mark_cost(timeline_.get());
  if (marks.replayed > 0) cost += static_cast<double>(marks.replayed) * captured_mark_cost();
  const double share = cost / static_cast<double>(walls.size()) / median(walls);
  if (writer_) writer_->set_recorder_overhead(share);
  if (progress_) progress_->line(fmt::format("recording costs {:.3f} % of a step", 100 * share));
}

void Trainer::check_replicas(std::int64_t epoch, TrainingResult& result) {
  if (setup_.config.parallel.ablation == Ablation::no_comm) return;  // nothing keeps the replicas alike
  const std::string stage = std::to_string(strategy_->stage());
  const std::vector<std::string> digests =
      world_.all_gather(stage + ':' + parameter_digest(strategy_->buckets()));
  std::map<std::string, std::size_t> first;  // rank of each stage
  for (std::size_t rank = 0; rank < digests.size(); ++rank) {
    const std::string of = digests[rank].substr(0, digests[rank].find(':'));
    const std::size_t other = first.try_emplace(of, rank).first->second;
    if (digests[rank] == digests[other]) continue;
    result.invalid_reasons.push_back(
        fmt::format("epoch {}: replicas diverged: the parameters of rank {} differ from those of rank {}",
                    epoch, rank, other));
    return;
  }
}

AuditRow Trainer::audit_epoch(std::int64_t epoch, std::int64_t steps, TrainingResult& result) {
  const std::int64_t rows = setup_.batches.dataset_size;
  AuditRow row = merge_audits(rows, world_.all_gather(audit_.local()));
  // An epoch cut short, by training.steps or by an ablation, owes only what it has come to.
  std::int64_t computed = 0;
  for (std::int64_t step = 0; step < steps; ++step) computed += computes(epoch, step) ? 1 : 0;
  const std::int64_t expected = std::min(rows, computed * setup_.batches.global_batch);
  const std::string sentence = audit_sentence(row, rows, epoch, expected);
  row.missing -= rows - expected;
  if (!sentence.empty()) result.invalid_reasons.push_back(sentence);
  return row;
}

EpochRow Trainer::evaluate_epoch(std::int64_t epoch, TrainingResult& result) {
  EvaluationPlan plan{.batch = std::max<std::int64_t>(setup_.batches.largest_micro_batch(), 64),
                      .workers = std::max(setup_.config.data.workers, 1),
                      .device = setup_.device,
                      .batching = setup_.config.data.batching};
  at("evaluating after epoch", epoch + 1);
  const SteadyTime begin = steady_now();
  EpochRow row;
  row.validation_loss = row.validation_metric = row.test_metric = std::numeric_limits<double>::quiet_NaN();
  if (setup_.data.validation && trains()) {
    const Evaluation done = evaluate(*strategy_, *setup_.model, *task_, setup_.data.validation, world_, plan);
    row.validation_loss = done.loss;
    row.validation_metric = done.metric;
    row.confusion = done.confusion;
    for (const auto& [name, value] : done.more) row.more["validation_" + name] = value;
  }
  row.validation_seconds = seconds_between(begin, steady_now());
  if (setup_.data.test && trains()) {
    plan.generate = !setup_.pipeline;  // that takes the whole model
    const Evaluation done = evaluate(*strategy_, *setup_.model, *task_, setup_.data.test, world_, plan);
    row.test_metric = done.metric;
    for (const auto& [name, value] : done.more) row.more["test_" + name] = value;
    result.test_confusion = done.confusion;
  }
  row.learning_rate =
      learning_rate(setup_.config.training, steps_done_ + steps_in_epoch(epoch) - 1, setup_.total_steps);
  result.validation_metric = row.validation_metric;
  result.test_metric = row.test_metric;
  row.peak_memory_bytes = peak_memory_of_all();
  return row;
}

std::int64_t Trainer::peak_memory_of_all() {
  std::int64_t peak = 0;
  for (const std::string& text : world_.all_gather(std::to_string(peak_memory_bytes(setup_.device))))
    peak = std::max<std::int64_t>(peak, std::stoll(text));
  return peak;
}

void Trainer::show_epoch() {
  const auto& split = setup_.data.validation ? setup_.data.validation : setup_.data.test;
  if (folder_.empty() || !split || setup_.pipeline || !trains()) return;
  const torch::NoGradGuard no_grad;
  setup_.model->eval();
  for (const std::string& line : task_->show(*setup_.model, *split, setup_.device, folder_))
    progress_->line(line);
  setup_.model->train();
}

std::string Trainer::epoch_line(std::int64_t epoch, const EpochRow& row, double samples) const {
  if (!trains())
    return fmt::format("epoch {}: no training, parts are left out: {:.2f} s, exposed communication {:.1f} %",
                       epoch + 1, row.train_seconds, 100 * comm_share_);
  const std::string metric = task_->metric();
  std::string more;
  for (const auto& [name, value] : row.more) more += fmt::format(", {} {:.4g}", name, value);
  return fmt::format(
      "epoch {}: train loss {:.4f}, validation loss {:.4f}, validation {} {:.4f}, test {} {:.4f}{}, "
      "{:.2f} s, {:.0f} samples/s, exposed communication {:.1f} %",
      epoch + 1, row.train_loss, row.validation_loss, metric, row.validation_metric, metric, row.test_metric,
      more, row.train_seconds, samples / row.train_seconds, 100 * comm_share_);
}

void Trainer::write_epoch(std::int64_t epoch, const RankEpoch& mine, EpochRow row, const AuditRow& audit) {
  at("writing epoch", epoch + 1);
  row.gpu = gather_gpus(world_, gpu_);
  const EpochTables tables = exchange_epoch(world_, mine, static_cast<std::int32_t>(epoch));
  if (!writer_) return;
  const StepTable& steps = tables.steps;
  row.train_loss = trains() ? mean_training_loss(steps) : std::numeric_limits<double>::quiet_NaN();
  row.train_seconds =
      steps.start.at(0, steps.steps() - 1) + steps.wall.at(0, steps.steps() - 1) - steps.start.at(0, 0);
  comm_share_ = sum_of(steps.comm_exposed) / sum_of(steps.wall);
  writer_->append_epoch(steps, tables.comm, tables.stages, row, audit);
  const double samples = std::accumulate(steps.samples.values.begin(), steps.samples.values.end(), 0.0);
  progress_->line(epoch_line(epoch, row, samples));
  show_epoch();
}

}  // namespace lockstep
