#include "train/run_checkpoints.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <numeric>
#include <utility>

#include "launch/flight_recorder.hpp"
#include "train/rank_state.hpp"
#include "train/resume.hpp"

namespace lockstep {

namespace {

constexpr int kNiceness = 10;  // of the thread that writes: training goes first
constexpr double kSecondsPerMinute = 60, kMega = 1e6, kMilli = 1e-3;

std::size_t bytes_of(const std::vector<TensorBytes>& tensors) {
  return std::accumulate(
      tensors.begin(), tensors.end(), std::size_t{0},
      [](std::size_t sum, const TensorBytes& tensor) { return sum + tensor.bytes.size(); });
}

}  // namespace

RunCheckpoints::RunCheckpoints(const Setup& setup, World& world, Strategy& strategy, FlatOptimizer& optimizer,
                               std::string run)
    : setup_(setup), world_(world), strategy_(strategy), optimizer_(optimizer), run_(std::move(run)) {}

void RunCheckpoints::load(const Checkpoint& checkpoint) {
  load_on_all_ranks(checkpoint, world_, *setup_.model, optimizer_, aliases());
  if (!same_ranks(checkpoint, setup_, world_.size())) return;
  restore_generators(checkpoint, world_.rank(), setup_.device);
  if (!checkpoint.facts().order_learnt) return;
  strategy_.expect_order(bucket_order(checkpoint, world_.rank()));
  const BucketPlan before = strategy_.buckets().plan();
  if (strategy_.rebuild_buckets()) optimizer_.relayout(before);
}

void RunCheckpoints::begin(std::int64_t steps_done, const RunOutput& output) {
  output_ = output;
  first_ = steps_done;
  last_ = steady_now();
  const RunConfig::Checkpoint& asked = setup_.config.checkpoint;
  if (asked.at_signals() || asked.every_minutes > 0) world_.gate().open(steps_done, asked.at_signals());
}

bool RunCheckpoints::pauses(std::int64_t steps_done) {
  if (writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
    written_ = writing_.get();
  const double minutes = setup_.config.checkpoint.every_minutes;
  if (minutes > 0 && world_.rank() == 0 && !asked_ &&
      seconds_between(last_, steady_now()) >= minutes * kSecondsPerMinute) {
    asked_ = true;
    world_.gate().ask();
  }
  if (!meeting_) meeting_ = world_.gate().before_step(steps_done);
  return meeting_.has_value();
}

std::int64_t RunCheckpoints::steps_to_next(std::int64_t steps_done) const {
  const std::int64_t every = setup_.config.checkpoint.every_steps;
  return every == 0 ? setup_.total_steps : every - steps_done % every;
}

bool RunCheckpoints::due_by_steps(std::int64_t steps_done) const {
  const std::int64_t every = setup_.config.checkpoint.every_steps;
  return every != 0 && steps_done % every == 0 && steps_done != first_ && steps_done != saved_;
}

bool RunCheckpoints::within_epoch(std::int64_t steps_done) const {
  return steps_done % setup_.batches.steps_per_epoch() != 0;
}

bool RunCheckpoints::due(std::int64_t steps_done) const {
  if (steps_done == saved_) return false;
  const std::int64_t every = setup_.config.checkpoint.every_epochs;
  const std::int64_t epochs = steps_done / setup_.batches.steps_per_epoch();
  const bool by_epochs =
      every != 0 && !within_epoch(steps_done) && epochs % every == 0 && steps_done != first_;
  return by_epochs || meeting_ || due_by_steps(steps_done);
}

void RunCheckpoints::save_if_due(const CheckpointMoment& moment) {
  if (due(moment.steps_done)) save(moment);
  report_written();
  if (meeting_) end_meeting();
}

// The gates of the others are free before rank 0's, which is when the next meeting can be called. After the
// last one they stay shut: another signal changes nothing.
void RunCheckpoints::end_meeting() {
  const Meeting meeting = *std::exchange(meeting_, std::nullopt);
  interruption_ = meeting.reason;
  if (meeting.stop) return;
  if (world_.rank() != 0) world_.gate().release();
  world_.barrier();
  if (world_.rank() == 0) world_.gate().release();
}

void RunCheckpoints::save(const CheckpointMoment& moment) {
  if (within_epoch(moment.steps_done))
    world_.flight().activity.enter("saving the checkpoint after step", moment.steps_done);
  else
    world_.flight().activity.enter("saving the checkpoint after epoch",
                                   moment.steps_done / setup_.batches.steps_per_epoch());
  saved_ = moment.steps_done;
  if (writing_.valid()) written_ = writing_.get();  // no more than one copy at a time
  report_written();
  CheckpointTensors tensors = gather_tensors(moment);
  asked_ = false;
  last_ = steady_now();
  if (output_.exists()) write(std::move(tensors), moment);
}

// On rank 0 all of it, elsewhere nothing.
CheckpointTensors RunCheckpoints::gather_tensors(const CheckpointMoment& moment) {
  // The stages of the first replica have the whole model between them, or rank 0 has it.
  const bool has_part = setup_.pipeline ? strategy_.replica() == 0 : world_.rank() == 0;
  CheckpointTensors mine;
  const std::vector<FlatOptimizer::Moment> moments = optimizer_.moments(has_part);
  if (has_part) mine = checkpoint_tensors(*setup_.model, moments, aliases());
  if (setup_.pipeline) {
    std::vector<std::string> parts =
        world_.gather(has_part ? encode_tensors(std::move(mine.tensors), {}) : "");
    mine = {};
    mine.parts = std::move(parts);
    mine.tensors = merge_parts(mine.parts);
  }
  const std::vector<RankState> states = world_.gather(rank_state(strategy_, setup_.device));
  add_rank_states(mine, states);
  if (!within_epoch(moment.steps_done)) return mine;
  std::vector<WorkReport> work = world_.gather(moment.audit->local());
  if (world_.rank() != 0) return mine;
  work.push_back(moment.epoch->work);
  UnfinishedEpoch so_far = *moment.epoch;
  so_far.work = sum_of_reports(work);
  add_unfinished(mine, so_far);
  return mine;
}

void RunCheckpoints::write(CheckpointTensors tensors, const CheckpointMoment& moment) {
  CheckpointFacts facts = checkpoint_facts(setup_, run_, moment.steps_done);
  facts.ranks = world_.size();
  facts.order_learnt = !strategy_.learnt_order().empty();
  facts.invalid_reasons = *moment.invalid_reasons;
  facts.reduction = moment.reduction;
  const double pause = seconds_between(moment.since, steady_now());
  writing_ = std::async(std::launch::async, [tensors = std::move(tensors), facts = std::move(facts), pause,
                                             keep = setup_.config.checkpoint.keep,
                                             folder = output_.folder + "/checkpoint"]() mutable {
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness);
    const SteadyTime began = steady_now();
    const std::size_t bytes = bytes_of(tensors.tensors);
    std::string path = save_checkpoint(folder, facts, keep, std::move(tensors.tensors));
    tensors = {};  // here rather than between two steps
    return Written{std::move(path), bytes, pause, seconds_between(began, steady_now()), facts.steps_done};
  });
}

void RunCheckpoints::report_written() {
  if (!written_) return;
  const Written done = *std::exchange(written_, std::nullopt);
  output_.progress->line(fmt::format(
      "checkpoint after step {}: {} ({:.1f} MB; {:.1f} ms between two steps, written in {:.1f} ms)",
      done.steps_done, done.path, static_cast<double>(done.bytes) / kMega, done.pause / kMilli,
      done.seconds / kMilli));
}

void RunCheckpoints::finish() {
  if (writing_.valid()) {
    world_.flight().activity.enter("writing the checkpoint after step", saved_);
    written_ = writing_.get();
  }
  report_written();
}

Aliases RunCheckpoints::aliases() const {
  return setup_.pipeline ? setup_.pipeline->tied.aliases : Aliases();
}

}  // namespace lockstep
