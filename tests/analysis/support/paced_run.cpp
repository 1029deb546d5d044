#include "analysis/support/paced_run.hpp"

#include <cmath>

namespace lockstep::test {

namespace {

// Moves the steps to where `starts` says, and events with them: their place in the step grows by the factor.
void move_steps(RunData& run, const Matrix<double>& starts,
                const std::function<double(std::int64_t)>& factor) {
  CommTable& c = run.comm;
  for (std::size_t i = 0; i < c.size(); ++i) {
    const double old = run.steps.start.at(c.rank[i], c.step[i]), now = starts.at(c.rank[i], c.step[i]);
    for (auto* times : {&c.ready, &c.start, &c.end})
      (*times)[i] = now + factor(c.step[i]) * ((*times)[i] - old);
  }
  run.steps.start = starts;
}

}  // namespace

void set_pace(RunData& run, const std::function<double(std::int64_t)>& factor) {
  StepTable& t = run.steps;
  Matrix<double> starts = t.start;
  for (std::int64_t r = 0; r < t.ranks(); ++r)
    for (std::int64_t s = 1; s < t.steps(); ++s) {
      const double gap = t.start.at(r, s) - t.start.at(r, s - 1) - t.wall.at(r, s - 1);
      starts.at(r, s) = starts.at(r, s - 1) + factor(s - 1) * t.wall.at(r, s - 1) + gap;
    }
  move_steps(run, starts, factor);
  for (Matrix<double>* column : {&t.wall, &t.data, &t.h2d, &t.forward, &t.backward, &t.comm, &t.comm_exposed,
                                 &t.optimizer, &t.bubble, &t.other})
    for (std::int64_t r = 0; r < t.ranks(); ++r)
      for (std::int64_t s = 0; s < t.steps(); ++s) column->at(r, s) *= factor(s);
}

void insert_gap(RunData& run, std::int64_t step, double seconds) {
  Matrix<double> starts = run.steps.start;
  for (std::int64_t r = 0; r < starts.rows; ++r)
    for (std::int64_t s = step; s < starts.columns; ++s) starts.at(r, s) += seconds;
  move_steps(run, starts, [](std::int64_t) { return 1.0; });
  run.header.wall_seconds += seconds;
}

void shift_clock(RunData& run, std::int64_t rank, double seconds) {
  for (std::int64_t s = 0; s < run.steps.steps(); ++s) run.steps.start.at(rank, s) += seconds;
  for (std::size_t i = 0; i < run.comm.size(); ++i)
    if (run.comm.rank[i] == rank)
      for (auto* times : {&run.comm.ready, &run.comm.start, &run.comm.end}) (*times)[i] += seconds;
}

std::vector<double> correlated_noise(RandomStream& random, std::size_t n, double sd, double rho) {
  std::vector<double> values;
  double now = random.normal();
  for (std::size_t i = 0; i < n; ++i) {
    values.push_back(1 + sd * now);
    now = rho * now + std::sqrt(1 - rho * rho) * random.normal();
  }
  return values;
}

std::vector<double> lognormal_noise(RandomStream& random, std::size_t n, double sd) {
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(std::exp(sd * random.normal() - sd * sd / 2));
  return values;
}

}  // namespace lockstep::test
