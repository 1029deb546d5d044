#include "plan/schedule_simulation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.hpp"

namespace lockstep {

namespace {

using Kind = Action::Kind;

constexpr double kNotYet = std::numeric_limits<double>::infinity();

std::string text_of(const Action& action) {
  return fmt::format("{} of micro-batch {} through chunk {}",
                     action.kind == Kind::forward ? "the forward pass" : "the backward pass",
                     action.micro_batch, action.chunk);
}

void require_times(const ChunkTimes& times, int chunks) {
  const auto n = static_cast<std::size_t>(chunks);
  if (times.forward.size() != n || times.backward.size() != n)
    throw input_error("{} forward and {} backward times for {} chunks", times.forward.size(),
                      times.backward.size(), n);
  if (!times.transfer.empty() && times.transfer.size() + 1 != n)
    throw input_error("{} transfer times between {} chunks, {} or none are needed", times.transfer.size(), n,
                      n - 1);
  for (const auto* list : {&times.forward, &times.backward, &times.transfer})
    for (const double seconds : *list)
      if (!std::isfinite(seconds) || seconds < 0) throw input_error("a pass or transfer of {} s", seconds);
}

// Ends of all passes, infinite while unknown.
class Simulation {
 public:
  Simulation(const StageActions& schedule, const ChunkTimes& times)
      : schedule_(schedule),
        times_(times),
        stages_(static_cast<int>(schedule.size())),
        chunks_(chunk_count(schedule)),
        micro_batches_(micro_batch_count(schedule)) {
    require_times(times, chunks_);
    require_complete();
    forward_end_.assign(places(), kNotYet);
    backward_end_.assign(places(), kNotYet);
    next_.assign(schedule.size(), 0);
    timeline_.stages.resize(schedule.size());
  }

  Timeline run() {
    bool advanced = true;
    while (advanced) {
      advanced = false;
      for (std::size_t stage = 0; stage < schedule_.size(); ++stage) {
        while (next_[stage] < schedule_[stage].size() && run_next(stage)) advanced = true;
      }
    }
    require_all_ran();
    finish();
    return std::move(timeline_);
  }

 private:
  std::size_t places() const {
    return static_cast<std::size_t>(chunks_) * static_cast<std::size_t>(micro_batches_);
  }
  std::size_t place(int chunk, int micro_batch) const {
    return static_cast<std::size_t>(chunk) * static_cast<std::size_t>(micro_batches_) +
           static_cast<std::size_t>(micro_batch);
  }

  void require_complete() const {
    std::vector<int> forward(places(), 0), backward(places(), 0);
    for (std::size_t stage = 0; stage < schedule_.size(); ++stage) {
      for (const Action& action : schedule_[stage]) {
        if (action.chunk < 0 || action.micro_batch < 0 || action.chunk % stages_ != static_cast<int>(stage))
          throw run_error("schedule: stage {} of {} has {}", stage, stages_, text_of(action));
        auto& count = action.kind == Kind::forward ? forward : backward;
        ++count[place(action.chunk, action.micro_batch)];
      }
    }
    for (int chunk = 0; chunk < chunks_; ++chunk) {
      for (int m = 0; m < micro_batches_; ++m) {
        require_once(forward, {Kind::forward, chunk, m});
        require_once(backward, {Kind::backward, chunk, m});
      }
    }
  }

  void require_once(const std::vector<int>& count, const Action& action) const {
    const int n = count[place(action.chunk, action.micro_batch)];
    if (n != 1) throw run_error("schedule: {} is there {} times", text_of(action), n);
  }

  double transfer(int lower_chunk) const {
    const bool free = times_.transfer.empty() || stages_ == 1;
    return free ? 0 : times_.transfer[static_cast<std::size_t>(lower_chunk)];
  }

  // When the action's input is on its stage.
  double ready(const Action& action) const {
    const auto [kind, chunk, m] = action;
    if (kind == Kind::forward)
      return chunk == 0 ? 0 : forward_end_[place(chunk - 1, m)] + transfer(chunk - 1);
    const double own = forward_end_[place(chunk, m)];
    if (chunk == chunks_ - 1) return own;
    return std::max(own, backward_end_[place(chunk + 1, m)] + transfer(chunk));
  }

  bool run_next(std::size_t stage) {
    const Action& action = schedule_[stage][next_[stage]];
    const double input = ready(action);
    if (input == kNotYet) return false;
    auto& done = timeline_.stages[stage];
    const double start = std::max(input, done.empty() ? 0.0 : done.back().end);
    const bool forward = action.kind == Kind::forward;
    const double end =
        start + (forward ? times_.forward : times_.backward)[static_cast<std::size_t>(action.chunk)];
    (forward ? forward_end_ : backward_end_)[place(action.chunk, action.micro_batch)] = end;
    done.push_back({action, start, end});
    ++next_[stage];
    return true;
  }

  void require_all_ran() const {
    for (std::size_t stage = 0; stage < schedule_.size(); ++stage)
      if (next_[stage] < schedule_[stage].size())
        throw run_error("schedule: stage {} waits forever for the input of {}", stage,
                        text_of(schedule_[stage][next_[stage]]));
  }

  void finish() {
    for (const auto& stage : timeline_.stages)
      if (!stage.empty()) timeline_.makespan = std::max(timeline_.makespan, stage.back().end);
    const std::vector<double> ones(static_cast<std::size_t>(chunks_), 1.0);
    for (std::size_t stage = 0; stage < schedule_.size(); ++stage) {
      double busy = 0;
      for (const TimedAction& timed : timeline_.stages[stage]) busy += timed.end - timed.start;
      timeline_.idle.push_back(timeline_.makespan - busy);
      timeline_.peak_in_flight.push_back(static_cast<int>(peak_held(schedule_[stage], ones)));
    }
  }

  const StageActions& schedule_;
  const ChunkTimes& times_;
  int stages_, chunks_, micro_batches_;
  std::vector<double> forward_end_, backward_end_;
  std::vector<std::size_t> next_;
  Timeline timeline_;
};

}  // namespace

ChunkTimes ChunkTimes::equal(int chunks, double forward_seconds, double backward_seconds) {
  const auto n = static_cast<std::size_t>(chunks);
  return {std::vector<double>(n, forward_seconds), std::vector<double>(n, backward_seconds), {}};
}

double Timeline::idle_share() const {
  if (makespan <= 0) return 0;
  return std::accumulate(idle.begin(), idle.end(), 0.0) / (makespan * static_cast<double>(idle.size()));
}

Timeline simulate(const StageActions& schedule, const ChunkTimes& times) {
  return Simulation(schedule, times).run();
}

double filled_pipeline_seconds(std::span<const double> stage_seconds, int micro_batches) {
  if (stage_seconds.empty()) return 0;
  const double slowest = *std::max_element(stage_seconds.begin(), stage_seconds.end());
  return (micro_batches - 1) * slowest + std::accumulate(stage_seconds.begin(), stage_seconds.end(), 0.0);
}

double least_step_seconds(std::span<const double> chunk_seconds, int stages, int micro_batches) {
  const auto p = static_cast<std::size_t>(stages);
  double least = 0;
  double before = 0;  // of the chunks before the stage's first; after the loop: of the first p
  for (std::size_t stage = 0; stage < std::min(p, chunk_seconds.size()); ++stage) {
    double own = 0;
    for (std::size_t chunk = stage; chunk < chunk_seconds.size(); chunk += p) own += chunk_seconds[chunk];
    least = std::max(least, micro_batches * own + before);
    before += chunk_seconds[stage];
  }
  return std::max(least, std::accumulate(chunk_seconds.begin(), chunk_seconds.end(), 0.0));
}

double ideal_idle_share(PipelineSchedule schedule, int stages, int micro_batches, int chunks_per_stage) {
  const double waiting = stages - 1;
  if (schedule == PipelineSchedule::layerwise) return waiting / stages;
  return waiting / (static_cast<double>(micro_batches) * chunks_per_stage + waiting);
}

}  // namespace lockstep
