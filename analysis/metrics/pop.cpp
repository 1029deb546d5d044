#include "analysis/metrics/pop.hpp"

#include <algorithm>

namespace lockstep {

namespace {

// The replay of one rank. "now" is the replayed clock, "cursor" the recorded time up to which the rank's work
// has been replayed.
class ReplayedRank {
 public:
  ReplayedRank(const StepTable& steps, std::int64_t rank, std::vector<double>& step_seconds)
      : table_(&steps), rank_(rank), step_seconds_(&step_seconds) {
    begin_step();
  }

  // Replays the work before the event, which may be in a later step, and returns when the rank reaches it.
  double arrive(std::int64_t step, double ready) {
    while (step_ < step) finish_step();
    work_until(ready);
    return now_;
  }

  // The collective ends for all at `end_now`. Blocking: the rank waited, as far as the step's exposed
  // communication confirms it; the rest was work.
  void pass(bool blocking, double start, double end, double end_now) {
    if (!blocking) {
      pending_now_ = std::max(pending_now_, end_now);
      pending_end_ = std::max(pending_end_, end);
      return;
    }
    const double still = std::clamp(end - std::max(start, cursor_), 0.0, exposed_left_);
    work_until(end - still);
    exposed_left_ -= still;
    now_ = std::max(now_, end_now);
    cursor_ = std::max(cursor_, end);
  }

  void finish_step() {
    const double end = table_->start.at(rank_, step_) + table_->wall.at(rank_, step_);
    if (exposed_left_ > 0 && pending_end_ > cursor_) {
      work_until(pending_end_ - exposed_left_);
      cursor_ = pending_end_;
    }
    now_ = std::max(now_, pending_now_);
    work_until(end);
    (*step_seconds_)[static_cast<std::size_t>(step_)] +=
        (now_ - begun_) / static_cast<double>(table_->ranks());
    if (++step_ < table_->steps()) begin_step();
  }
  bool finished() const { return step_ >= table_->steps(); }

 private:
  void begin_step() {
    cursor_ = table_->start.at(rank_, step_);  // what lies between two steps (evaluation) is not replayed
    exposed_left_ = table_->comm_exposed.at(rank_, step_);
    pending_now_ = pending_end_ = 0;
    begun_ = now_;
  }
  void work_until(double recorded) {
    if (recorded <= cursor_) return;
    now_ += recorded - cursor_;
    cursor_ = recorded;
  }

  const StepTable* table_;
  std::int64_t rank_, step_ = 0;
  std::vector<double>* step_seconds_;
  double now_ = 0, begun_ = 0, cursor_ = 0;
  double exposed_left_ = 0;                   // of the recorded step
  double pending_now_ = 0, pending_end_ = 0;  // of what has been started and not waited for
};

}  // namespace

PopFactors pop_factors(double mean_useful, double most_useful, double seconds, double ideal_seconds) {
  return {mean_useful / seconds, mean_useful / most_useful, most_useful / seconds,
          most_useful / ideal_seconds, ideal_seconds / seconds};
}

std::vector<double> replay_without_transfer(const StepTable& steps, const CommTable& comm,
                                            const Collectives& collectives) {
  std::vector<double> step_seconds(static_cast<std::size_t>(steps.steps()), 0.0);
  if (step_seconds.empty()) return step_seconds;
  std::vector<ReplayedRank> ranks;
  for (std::int64_t r = 0; r < steps.ranks(); ++r) ranks.emplace_back(steps, r, step_seconds);
  for (std::size_t c = 0; c < collectives.size(); ++c) {
    const auto at = [&](Collectives::Event e) -> ReplayedRank& {
      return ranks[static_cast<std::size_t>(comm.rank[e])];
    };
    double last = 0;
    for (const Collectives::Event e : collectives.members(c))
      last = std::max(last, at(e).arrive(comm.step[e], comm.ready[e]));
    for (const Collectives::Event e : collectives.members(c))
      at(e).pass(comm.bucket[e] < 0, comm.start[e], comm.end[e], last);
  }
  for (ReplayedRank& rank : ranks)
    while (!rank.finished()) rank.finish_step();
  return step_seconds;
}

}  // namespace lockstep
