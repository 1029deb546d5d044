#include "record/run.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "comm/comm_observer.hpp"
#include "config/suggestions.hpp"
#include "data/work_audit.hpp"
#include "launch/flight_recorder.hpp"
#include "record/bucket_log.hpp"
#include "record/epoch_record.hpp"
#include "record/memory.hpp"
#include "record/rank_recorder.hpp"
#include "record/run_facts.hpp"
#include "record/run_record.hpp"

namespace lockstep {

namespace {

// stall is a pipeline's.
constexpr std::array kPhasesOfUsers = {Phase::data,      Phase::h2d,  Phase::forward, Phase::backward,
                                       Phase::optimizer, Phase::wait, Phase::other};
constexpr std::size_t kDeepest = 16;           // phases within one another
constexpr std::int64_t kStepsAtFirst = 1000;   // room for those of the first epoch; more make room as they come

Phase phase_of(std::string_view name) {
  std::vector<std::string> names;
  for (const Phase phase : kPhasesOfUsers) {
    if (name == name_of(phase)) return phase;
    names.emplace_back(name_of(phase));
  }
  throw input_error("'{}' is no phase of a step{}; phases are {}", name, did_you_mean(name, names),
                    fmt::join(names, ", "));
}

World& world_of(const Communicator& communicator) {
  if (communicator.world() == nullptr)
    throw input_error(
        "a run is recorded over all ranks: give it a communicator that make_communicator() made for the World");
  if (communicator.observer() != nullptr)
    throw input_error("the communicator is recorded by another run; end that one first");
  return *communicator.world();
}

}  // namespace

// What of a step is no time.
struct StepCounts {
  std::int64_t samples = 0;
  float loss = std::numeric_limits<float>::quiet_NaN();
  torch::Tensor later = {};  // the loss, on a device that is not asked in the step
  bool says_loss = false, has_phase = false;
};

struct Run::Impl final : private CommObserver {
  Impl(Communicator& over, const RunOptions& given)
      : communicator(over),
        options(given),
        world(world_of(over)),
        facts(facts_of_run(world, communicator, options)),
        device(device_of(*options.module)),
        origin(common_start(world, facts)),
        record(world, {options.output, "RunOptions::output", options.quiet}, facts),
        output(record.output()),
        buckets(log),
        recorder(world, log, origin,
                 {.device = device, .phases = 2 * options.phases_per_step}),
        audit(options.data.train_rows) {
    communicator.set_observer(this);
    activity().leave();
    record.line(fmt::format("{}: {} parameters, {} ranks, back end {}, {}", facts.model.name,
                            facts.model.parameters, world.size(), communicator.backend(), output.folder));
  }
  ~Impl() { communicator.set_observer(nullptr); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Activity& activity() const { return world.flight().activity; }

  // What has gone wrong where nothing may be thrown.
  void rethrow() {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
  }
  template <typename Body>
  void keep_failure(const Body& body) noexcept {
    try {
      body();
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
  }
  void note_exception() {
    if (std::uncaught_exceptions() > exceptions_at_start && left_at.empty()) left_at = activity().text();
  }

  // Phases.
  Phase current() const { return depth == 0 ? Phase::other : open[depth - 1]; }
  std::size_t begin_phase(Phase phase) {
    rethrow();
    if (depth == kDeepest) throw input_error("more than {} phases within one another", kDeepest);
    left_at.clear();
    recorder.phases().enter(phase);
    open[depth++] = phase;
    steps.back().has_phase = true;
    return depth;
  }
  void end_phase(std::size_t at) noexcept {
    if (!in_step || at > depth) return;
    keep_failure([&] {
      note_exception();
      depth = at - 1;
      recorder.phases().enter(current());
    });
  }

  // Steps.
  void begin_step() {
    rethrow();
    require_open();
    if (in_step) throw input_error("a step within a step; end the one before first");
    left_at.clear();
    if (steps.empty()) begin_epoch();
    activity().enter("training step", static_cast<std::int64_t>(steps_before + steps.size()) + 1);
    steps.emplace_back();
    recorder.phases().begin_step();
    if (device.is_cuda()) recorder.phases().enter(Phase::other);  // else the first phase would begin it
    depth = 0;
    in_step = true;
  }
  void begin_epoch() {
    activity().enter("beginning epoch", epoch + 1);
    recorder.begin_epoch(std::max(kStepsAtFirst, static_cast<std::int64_t>(most_steps)));
    audit.begin_epoch();
    world.barrier();
  }
  void end_step() noexcept {
    if (!in_step) return;
    keep_failure([&] {
      note_exception();
      in_step = false;
      recorder.phases().end_step();
      recorder.end_step(static_cast<std::int64_t>(steps.size()) - 1);
      activity().leave();
      last_end = steady_now();
    });
  }
  void require_open() const {
    if (finished) throw input_error("the run has been finished");
  }

  // CommObserver.
  void sent(const WorkPtr& work, const void* sender, int bucket) override {
    if (in_step) buckets.add(work, sender, bucket);
  }
  void begin_wait() noexcept override {
    if (in_step) keep_failure([&] { recorder.phases().enter(Phase::wait); });
  }
  void end_wait() noexcept override {
    if (in_step) keep_failure([&] { recorder.phases().enter(current()); });
  }
  bool knows_buckets(const void* sender) const override { return buckets.knows(sender); }
  void set_buckets(const void* sender, const BucketTable& table) override { buckets.set(sender, table); }
  void forget_buckets(const void* sender) override { buckets.forget(sender); }

  // Epochs.
  void end_epoch(const EpochResult& result);
  RankEpoch take_epoch();
  void read_losses();
  void agree_on_epoch();
  AuditRow audited(const EpochResult& result);
  EpochRow row_of(const EpochResult& result);
  void write(const EpochResult& result, const RankEpoch& mine);
  void remark(const RankEpoch& mine);
  std::string epoch_line(const WrittenEpoch& written) const;
  void object(const std::string& sentence) {
    if (!sentence.empty()) invalid_reasons.push_back(sentence);
  }

  ExitCode finish();

  Communicator& communicator;
  RunOptions options;
  World& world;
  RunData facts;
  c10::Device device;
  SteadyTime origin;
  RunRecord record;
  RunOutput output;
  WorkLog log;
  BucketLog buckets;
  RankRecorder recorder;
  WorkAudit audit;
  bool has_ids = false, has_numbers = false;  // in this epoch

  std::vector<StepCounts> steps;  // of this epoch
  bool in_step = false;
  std::array<Phase, kDeepest> open{};  // phases within one another, `depth` of them
  std::size_t depth = 0;
  SteadyTime last_end{};

  std::int64_t epoch = 0;
  std::size_t steps_before = 0, most_steps = 0;
  bool audits = false, has_loss = false;  // as the first epoch has decided
  std::vector<std::string> invalid_reasons;
  bool finished = false;

  std::exception_ptr failure;
  int exceptions_at_start = std::uncaught_exceptions();
  std::string left_at;  // where an exception has left a scope
};

void Run::Impl::end_epoch(const EpochResult& result) {
  rethrow();
  require_open();
  if (in_step) throw input_error("run.epoch() within a step; end the step first");
  if (steps.empty()) throw input_error("epoch {} has no steps", epoch + 1);
  activity().enter("gathering epoch", epoch + 1);
  const RankEpoch mine = take_epoch();
  agree_on_epoch();
  if (epoch == 0 && output.exists()) {
    output.writer->set_recorder_overhead(recorder.overhead(mine, 0));
    remark(mine);
  }
  object(replicas_sentence(world, 0, tensors_digest(options.module->parameters()), epoch));
  write(result, mine);
  steps_before += steps.size();
  most_steps = std::max(most_steps, steps.size());
  steps.clear();
  has_ids = has_numbers = false;
  ++epoch;
  activity().leave();
}

RankEpoch Run::Impl::take_epoch() {
  recorder.end_epoch();
  read_losses();
  return recorder.take_epoch([this](std::int64_t step, StepRow& row) {
    const StepCounts& counts = steps[static_cast<std::size_t>(step)];
    row.samples = row.loss_terms = static_cast<std::int32_t>(counts.samples);
    row.loss = counts.loss;
    row.grad_norm = std::numeric_limits<float>::quiet_NaN();
  });
}

// One copy for all that lie on a device.
void Run::Impl::read_losses() {
  std::vector<torch::Tensor> waiting;
  for (const StepCounts& step : steps)
    if (step.later.defined()) waiting.push_back(step.later.reshape({}).to(torch::kFloat32));
  if (waiting.empty()) return;
  const torch::Tensor values = at::stack(waiting).cpu();
  const auto* next = values.data_ptr<float>();
  for (StepCounts& step : steps)
    if (step.later.defined()) step.loss = *next++;
}

// What must be so on all ranks together, and from the first epoch to the last.
void Run::Impl::agree_on_epoch() {
  const bool loss =
      world.max(std::any_of(steps.begin(), steps.end(), [](const auto& s) { return s.says_loss; }) ? 1 : 0) != 0;
  const bool ids = world.max(has_ids ? 1 : 0) != 0, numbers = world.max(has_numbers ? 1 : 0) != 0;
  if (!ids && !numbers)
    throw input_error("no step of epoch {} says what it trains on: call step.samples(number), or (ids)",
                      epoch + 1);
  if (ids && numbers)
    throw input_error(
        "in epoch {} some steps give sample ids, others a number of samples: give one or the other", epoch + 1);
  if (epoch == 0) {
    audits = ids;
    has_loss = loss;
  }
  if (audits != ids)
    throw input_error("epoch {} gives {}, the epochs before {}: give one or the other", epoch + 1,
                      ids ? "sample ids" : "numbers of samples", ids ? "numbers of samples" : "sample ids");
}

AuditRow Run::Impl::audited(const EpochResult& result) {
  if (!audits) return {};
  const std::int64_t rows = options.data.train_rows;
  AuditedEpoch done = audit_epoch(world, audit.local(), epoch, result.rows < 0 ? rows : result.rows);
  object(done.sentence);
  return std::move(done.row);
}

EpochRow Run::Impl::row_of(const EpochResult& result) {
  EpochRow row;
  row.validation_loss = result.loss;
  row.validation_metric = result.metric;
  row.test_metric = result.test_metric;
  row.learning_rate = result.learning_rate;
  row.validation_seconds = seconds_between(last_end, steady_now());
  row.peak_memory_bytes = world.max(peak_memory_bytes(device));
  row.gpu = gather_gpus(world, recorder.gpu());
  return row;
}

void Run::Impl::write(const EpochResult& result, const RankEpoch& mine) {
  EpochToWrite next{
      .number = epoch, .row = row_of(result), .audit = audited(result), .steps_have_loss = has_loss};
  if (output.exists() && buckets.changed()) output.writer->set_buckets(buckets.table());
  const WrittenEpoch written = write_epoch(world, output, mine, std::move(next));
  if (output.exists()) record.line(epoch_line(written));
}

// Rank 0, after the first epoch: what a reader of the file would wonder about.
void Run::Impl::remark(const RankEpoch& mine) {
  const auto bare = std::count_if(steps.begin(), steps.end(), [](const auto& s) { return !s.has_phase; });
  if (bare > 0)
    record.line(fmt::format(
        "{} of {} steps of the first epoch have no phase: all their time counts as 'other'; say what a step is "
        "at with step.phase(\"forward\") and the like",
        bare, steps.size()));
  if (world.size() > 1 && mine.comm.empty())
    record.line(
        "no communication was recorded: nothing was sent over the run's communicator by a "
        "DistributedDataParallel, or given to run.sent()");
  if (!audits)
    record.line("the work is not audited: steps give no sample ids, only numbers of samples");
}

std::string Run::Impl::epoch_line(const WrittenEpoch& written) const {
  const EpochRow& row = written.row;
  std::string text = fmt::format("epoch {}: ", epoch + 1);
  if (has_loss) text += fmt::format("train loss {:.4f}, ", row.train_loss);
  if (!std::isnan(row.validation_loss)) text += fmt::format("validation loss {:.4f}, ", row.validation_loss);
  if (!std::isnan(row.validation_metric)) text += fmt::format("{} {:.4f}, ", facts.metric, row.validation_metric);
  if (!std::isnan(row.test_metric)) text += fmt::format("test {} {:.4f}, ", facts.metric, row.test_metric);
  return text + fmt::format("{:.2f} s, {:.0f} samples/s, exposed communication {:.1f} %", row.train_seconds,
                            written.samples / row.train_seconds, 100 * written.comm_share);
}

ExitCode Run::Impl::finish() {
  end_step();
  rethrow();
  require_open();
  finished = true;
  const double wall = seconds_between(origin, steady_now());
  if (!steps.empty())
    record.line(fmt::format("{} steps after the last epoch are not in the run file: call run.epoch() after them",
                            steps.size()));
  if (epoch == 0)
    record.fail("the run ended before its first epoch: call run.epoch() after the steps of one");
  else
    record.finish(invalid_reasons, wall);
  record.line(fmt::format("done in {:.2f} s: {}/run.h5", wall, output.folder));
  return invalid_reasons.empty() ? ExitCode::done : ExitCode::not_valid;
}

Run::Run(Communicator& communicator, const RunOptions& options)
    : impl_(std::make_unique<Impl>(communicator, options)) {}

Run::~Run() {
  if (impl_->finished) return;
  if (std::uncaught_exceptions() > impl_->exceptions_at_start) {
    const std::string& place = impl_->left_at;
    impl_->record.fail("an exception ended the run" + (place.empty() ? "" : " in " + place));
    return;
  }
  try {
    impl_->finish();
  } catch (const std::exception& error) {
    impl_->record.fail(error.what());
    impl_->record.line(error.what());
  }
}

Run::StepScope Run::step() {
  impl_->begin_step();
  return StepScope(*impl_);
}

void Run::epoch(const EpochResult& result) { impl_->end_epoch(result); }

WorkPtr Run::sent(WorkPtr work) { return observed(impl_->communicator, std::move(work)); }

ExitCode Run::finish() { return impl_->finish(); }

const std::string& Run::folder() const { return impl_->output.folder; }

Run::PhaseScope::PhaseScope(Impl& run, Phase phase) : run_(&run), depth_(run.begin_phase(phase)) {}

void Run::PhaseScope::end() noexcept {
  if (run_ != nullptr) std::exchange(run_, nullptr)->end_phase(depth_);
}

Run::Impl& Run::StepScope::open() const {
  if (run_ == nullptr || !run_->in_step)
    throw input_error("the step has ended; its phases lie within it, and what it trains on is said within it");
  return *run_;
}

Run::PhaseScope Run::StepScope::phase(std::string_view name) { return {open(), phase_of(name)}; }

void Run::StepScope::samples(std::int64_t number) {
  if (number < 0) throw input_error("step.samples({}): a number of samples is not negative", number);
  open().steps.back().samples += number;
  open().has_numbers = true;
}

void Run::StepScope::samples(std::span<const std::int64_t> ids, std::int64_t padding) {
  Impl& run = open();
  if (run.options.data.train_rows == 0)
    throw input_error("sample ids are given, and no number of rows: set RunOptions::data.train_rows");
  if (padding < 0 || padding > std::ssize(ids))
    throw input_error("step.samples(): {} of {} ids are padding", padding, ids.size());
  run.audit.record(ids, padding);
  run.steps.back().samples += std::ssize(ids) - padding;
  run.has_ids = true;
}

void Run::StepScope::samples(const torch::Tensor& ids) {
  if (!ids.is_cpu() || ids.scalar_type() != torch::kInt64 || ids.dim() != 1 || !ids.is_contiguous())
    throw input_error("step.samples(): sample ids are one row of int64 numbers on the host, contiguous");
  samples(std::span(ids.data_ptr<std::int64_t>(), static_cast<std::size_t>(ids.numel())));
}

void Run::StepScope::loss(const torch::Tensor& mean) {
  StepCounts& step = open().steps.back();
  if (mean.numel() != 1)
    throw input_error("step.loss(): {} elements; give the mean, which is one", mean.numel());
  step.says_loss = true;
  if (mean.is_cpu())
    step.loss = mean.item<float>();
  else
    step.later = mean.detach();
}

void Run::StepScope::loss(double mean) {
  StepCounts& step = open().steps.back();
  step.says_loss = true;
  step.loss = static_cast<float>(mean);
}

void Run::StepScope::end() noexcept {
  if (run_ != nullptr) std::exchange(run_, nullptr)->end_step();
}

}  // namespace lockstep
