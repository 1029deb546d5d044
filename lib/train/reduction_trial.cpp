#include "train/reduction_trial.hpp"

#include <fmt/format.h>

#include <utility>

#include "launch/flight_recorder.hpp"
#include "launch/topology.hpp"

namespace lockstep {

namespace {

// Collective. Whether each rank has a core beside those of its compute threads for a thread that communicates, where
// one would be used: over memory that the ranks of one node share.
bool has_spare_core(const Setup& setup, World& world) {
  const bool mine = setup.communicator->backend() == BackendKind::shm && world.nodes() == 1 &&
                    bound_cores() > setup.threads && node_cores() >= world.local_size() * (setup.threads + 1);
  return world.min(mine ? 1 : 0) == 1;
}

}  // namespace

ReductionTrial::ReductionTrial(const Setup& setup, World& world, Strategy& strategy, FlatOptimizer& optimizer,
                               StepRecorder& recorder)
    : setup_(setup),
      world_(world),
      strategy_(strategy),
      optimizer_(optimizer),
      recorder_(recorder),
      asked_(asked_reduction(setup.config)),
      current_(asked_.usual()) {}

void ReductionTrial::take_over(const Reduction& chosen) {
  if (!asked_.leaves_open()) return;
  chosen_ = asked_.or_else(chosen);
  adopt(*chosen_);
}

void ReductionTrial::begin(std::int64_t steps_to_do, const RunOutput& output) {
  output_ = output;
  if (!asked_.leaves_open() || setup_.mode == Mode::parameter_server) return;
  if (chosen_) return report("as the run has chosen that this one goes on from", {}, 0);
  asked_.spare_core = has_spare_core(setup_, world_);
  candidates_ = candidates(asked_, shapes_of(strategy_.buckets().parameters()));
  schedule_ = trial_schedule(candidates_);
  const std::string reason = obstacle(steps_to_do);
  if (!reason.empty()) {
    schedule_.clear();
    return report(reason, {}, 0);
  }
  seconds_.resize(candidates_.size());
  if (output_.exists())
    output_.progress->line(fmt::format("trying {} ways of reducing gradients in {} steps", candidates_.size(),
                                       steps_of_trial(schedule_)));
}

// Why nothing can be tried; empty: it can.
std::string ReductionTrial::obstacle(std::int64_t steps_to_do) const {
  if (strategy_.replicas() < 2) return "one rank has no gradients to reduce";
  if (candidates_.size() < 2) return "gradients this small are in the same buckets at every size";
  const std::int64_t needed = steps_of_trial(schedule_);
  if (const auto& warmup = setup_.config.measure.warmup) {
    if (*warmup >= needed) return {};
    return fmt::format(
        "trying {} ways takes {} steps, and measure.warmup leaves out {}; set it to {} or more, or to auto",
        candidates_.size(), needed, *warmup, needed);
  }
  if (steps_to_do >= 2 * needed) return {};
  return fmt::format("trying {} ways takes {} steps, and the run has {}; train for {} or more",
                     candidates_.size(), needed, steps_to_do, 2 * needed);
}

void ReductionTrial::after_step() {
  if (!running()) return;
  const auto place = [this] { return static_cast<std::size_t>(steps_ - kStepsBeforeTrial); };
  const double seconds = recorder_.time_step();
  if (steps_ >= kStepsBeforeTrial) {
    const TrialStep& step = schedule_[place()];
    if (step.counts) seconds_[step.candidate].push_back(seconds);
  }
  ++steps_;
  if (steps_ < kStepsBeforeTrial) return;
  if (place() == schedule_.size()) return decide();
  adopt(candidates_[schedule_[place()].candidate]);
}

void ReductionTrial::adopt(const Reduction& reduction) {
  if (std::exchange(current_, reduction) == reduction) return;
  const BucketPlan before = strategy_.buckets().plan();
  if (strategy_.reduce_as(reduction)) optimizer_.relayout(before);
}

void ReductionTrial::decide() {
  world_.flight().activity.enter("choosing how to reduce gradients", -1);
  std::vector<double> mine;
  for (const std::vector<double>& seconds : seconds_) mine.push_back(median_of(seconds));
  const std::vector<double> slowest = slowest_of(world_.all_gather(mine));
  const ReductionChoice choice = choose(candidates_, slowest);
  chosen_ = candidates_[choice.candidate];
  adopt(*chosen_);
  report(choice.reason, slowest, steps_of_trial(schedule_));
  schedule_.clear();
}

// On rank 0: to the log and the run file. steps: of the run that were used up.
void ReductionTrial::report(const std::string& reason, const std::vector<double>& seconds,
                            std::int64_t steps) const {
  if (!output_.exists()) return;
  const bool tried = !seconds.empty();
  output_.writer->set_reduction({.chosen = current_,
                                 .reason = reason,
                                 .steps = steps,
                                 .tried = tried ? candidates_ : std::vector<Reduction>(),
                                 .seconds = seconds});
  output_.writer->set_buckets(bucket_table(strategy_.buckets()));
  output_.progress->line(fmt::format("gradients are reduced with {}: {}", text_of(current_), reason));
}

}  // namespace lockstep
