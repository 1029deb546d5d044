#include "analysis/plot/run_detail.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "analysis/metrics/pipeline_idle.hpp"
#include "base/error.hpp"
#include "results/run_reader.hpp"

namespace lockstep {

namespace {

// Mean over the ranks, by the samples of each.
double loss_of(const StepTable& t, std::int64_t step) {
  double sum = 0, samples = 0;
  for (std::int64_t r = 0; r < t.ranks(); ++r) {
    const double n = t.samples.at(r, step);
    if (n > 0) sum += n * static_cast<double>(t.loss.at(r, step));
    samples += n;
  }
  return sum / samples;
}

double samples_of(const StepTable& t, std::int64_t step) {
  double samples = 0;
  for (std::int64_t r = 0; r < t.ranks(); ++r) samples += t.samples.at(r, step);
  return samples;
}

std::vector<LossPoint> thinned_loss(const StepTable& t) {
  std::vector<LossPoint> points;
  if (t.loss.columns != t.steps() || t.steps() == 0) return points;
  const auto wanted = static_cast<std::int64_t>(kLossPoints);
  const std::int64_t stretch = (t.steps() + wanted - 1) / wanted;
  double samples = 0;
  for (std::int64_t begin = 0; begin < t.steps(); begin += stretch) {
    const std::int64_t end = std::min(begin + stretch, t.steps());
    double sum = 0;
    for (std::int64_t s = begin; s < end; ++s) {
      sum += loss_of(t, s);
      samples += samples_of(t, s);
    }
    const double now = t.start.at(0, end - 1) + t.wall.at(0, end - 1) - t.start.at(0, 0);
    points.push_back({samples, now, sum / static_cast<double>(end - begin)});
  }
  return points;
}

// The steady step whose wall time is the median, or the nearest to it.
std::int64_t median_step(const Launch& launch) {
  std::vector<double> walls;
  for (const Quantities& step : launch.steady()) walls.push_back(step[Quantity::wall]);
  return launch.warmup + place_of_median(walls);
}

// Events of /comm and passes of /stages in one step.
void add_events(RunDetail& detail, const RunData& run, std::int64_t step, double zero, std::int64_t ranks) {
  const CommTable& comm = run.comm;
  for (std::size_t i = 0; i < comm.size(); ++i)
    if (comm.step[i] == step && comm.rank[i] < ranks)
      detail.median_step.push_back({comm.rank[i], Quantity::comm, comm.start[i] - zero, comm.end[i] - zero,
                                    comm.bucket[i], static_cast<double>(comm.bytes[i])});
  const StageTable& stages = run.stages;
  for (std::size_t i = 0; i < stages.size(); ++i)
    if (stages.step[i] == step && stages.rank[i] >= 0 && stages.rank[i] < ranks)
      detail.passes.push_back({stages.rank[i],
                               stages.direction[i] == 0 ? Quantity::forward : Quantity::backward,
                               stages.start[i] - zero, stages.end[i] - zero, stages.micro_batch[i], 0});
}

void add_waits(RunDetail& detail, const RunData& run, std::int64_t step, double zero, std::int64_t ranks) {
  constexpr double kWorthDrawing = 0.01;  // of the step
  const CommTable& comm = run.comm;
  const double least = kWorthDrawing * run.steps.wall.at(0, step);
  for (const Collective& collective : StepCollectives(comm, run.steps.ranks(), run.steps.steps()).of(step)) {
    const std::size_t first = collective.rows.front(), last = collective.rows.back();
    if (comm.rank[first] >= ranks || comm.rank[last] >= ranks || comm.start[last] - comm.start[first] < least)
      continue;
    detail.waits.push_back(
        {comm.rank[first], comm.rank[last], comm.start[first] - zero, comm.start[last] - zero});
  }
}

void add_timeline(RunDetail& detail, const RunData& run) {
  const StepTable& t = run.steps;
  const std::int64_t step = median_step(*detail.launch);
  const std::int64_t ranks = std::min(t.ranks(), kTimelineRanks);
  double zero = t.start.at(0, step);
  for (std::int64_t r = 0; r < ranks; ++r) zero = std::min(zero, t.start.at(r, step));
  for (std::int64_t r = 0; r < ranks; ++r)
    for (const QuantitySpan& span : phase_spans(t, r, step))
      detail.median_step.push_back({r, span.phase, span.begin - zero, span.end - zero, -1, 0});
  add_events(detail, run, step, zero, ranks);
  add_waits(detail, run, step, zero, ranks);
  detail.median_step_number = step;
}

// The launch keeps the name of the run's folder, or of the file.
std::string file_of(const Launch& launch) {
  std::error_code error;
  return std::filesystem::is_directory(launch.path, error) ? find_run_file(launch.path) : launch.path;
}

}  // namespace

RunDetail make_detail(const RunData& run, const Launch& launch) {
  RunDetail detail;
  detail.launch = &launch;
  detail.epochs = run.epochs;
  for (EpochRow& epoch : detail.epochs) epoch.confusion = {};
  if (!run.epochs.empty()) detail.confusion = run.epochs.back().confusion;
  detail.places = run.ranks;
  detail.config_given = run.config_given;
  detail.config_resolved = run.config_resolved;
  if (run.steps.steps() <= launch.warmup) return detail;
  detail.loss = thinned_loss(run.steps);
  add_timeline(detail, run);
  return detail;
}

const RunDetail* GroupDetail::typical() const {
  if (runs.empty()) return nullptr;
  std::vector<const RunDetail*> sorted;
  for (const RunDetail& run : runs) sorted.push_back(&run);
  std::stable_sort(sorted.begin(), sorted.end(), [](const RunDetail* a, const RunDetail* b) {
    return a->launch->training_seconds < b->launch->training_seconds;
  });
  return sorted[(sorted.size() - 1) / 2];
}

GroupDetail read_group_detail(const GroupSummary& summary, std::size_t most) {
  GroupDetail detail;
  detail.summary = &summary;
  const std::vector<const Launch*>& launches = summary.group->launches;
  const std::size_t count = std::min(most, launches.size());
  for (std::size_t i = 0; i < count; ++i) {
    const Launch& launch = *launches[i * launches.size() / count];
    try {
      RunData run = read_run(file_of(launch));
      book_idle_as_bubble(run);
      if (run.header.uuid == launch.header.uuid && run.steps.steps() == std::ssize(launch.steps))
        detail.runs.push_back(make_detail(run, launch));
    } catch (const Error&) {  // it was readable a moment ago; the pictures go without it
    }
  }
  return detail;
}

}  // namespace lockstep
