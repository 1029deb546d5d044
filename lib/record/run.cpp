#include "record/run.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/suggestions.hpp"
#include "record/run_facts.hpp"
#include "record/run_impl.hpp"

namespace lockstep {

namespace {

// stall is a pipeline's.
constexpr std::array kPhasesOfUsers = {Phase::data,      Phase::h2d,  Phase::forward, Phase::backward,
                                       Phase::optimizer, Phase::wait, Phase::other};
constexpr std::int64_t kStepsAtFirst = 1000;  // room for so many; more make room as they come

Phase phase_of(std::string_view name) {
  for (const Phase phase : kPhasesOfUsers)
    if (name == name_of(phase)) return phase;
  std::vector<std::string> names;
  for (const Phase phase : kPhasesOfUsers) names.emplace_back(name_of(phase));
  throw input_error("'{}' is not a phase of a step{}; phases are {}", name, did_you_mean(name, names),
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

Run::Impl::Impl(Communicator& over, const RunOptions& given)
    : communicator(over),
      options(given),
      world(world_of(over)),
      facts(facts_of_run(world, communicator, options)),
      device(device_of(*options.module)),
      origin(common_start(world, facts)),
      record(world, {options.output, "RunOptions::output", options.quiet}, facts),
      output(record.output()),
      buckets(log),
      recorder(world, log, origin, {.device = device, .phases = 2 * options.phases_per_step}),
      audit(options.data.train_rows) {
  communicator.set_observer(this);
  activity().leave();
  record.line(fmt::format("{}: {} parameters, {} ranks, back end {}, {}", facts.model.name,
                          facts.model.parameters, world.size(), name_of(communicator.backend()),
                          output.folder));
}

std::size_t Run::Impl::begin_phase(Phase phase) {
  rethrow();
  if (depth == kDeepest) throw input_error("more than {} phases within one another", kDeepest);
  left_at.clear();
  recorder.phases().enter(phase);
  open[depth++] = phase;
  steps.back().has_phase = true;
  return depth;
}

void Run::Impl::end_phase(std::size_t at) noexcept {
  if (!in_step || at > depth) return;
  keep_failure([&] {
    note_exception();
    depth = at - 1;
    recorder.phases().enter(current());
  });
}

void Run::Impl::begin_step() {
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

void Run::Impl::begin_epoch() {
  activity().enter("beginning epoch", epoch + 1);
  recorder.begin_epoch();
  recorder.begin_part(std::max(kStepsAtFirst, static_cast<std::int64_t>(most_steps)));
  audit.begin_epoch();
  world.barrier();
}

void Run::Impl::end_step() noexcept {
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
    throw input_error("the step has ended; open its phases and call its samples() and loss() before that");
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
    throw input_error("sample ids need the number of rows: set RunOptions::data.train_rows");
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
