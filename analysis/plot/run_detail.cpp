#include "analysis/plot/run_detail.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

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

std::vector<RankTimes> rank_times(const StepTable& t, std::int64_t warmup) {
  std::vector<RankTimes> ranks(static_cast<std::size_t>(t.ranks()));
  const auto steps = static_cast<double>(t.steps() - warmup);
  for (std::int64_t r = 0; r < t.ranks(); ++r) {
    RankTimes& rank = ranks[static_cast<std::size_t>(r)];
    for (std::int64_t s = warmup; s < t.steps(); ++s) {
      const double compute = t.forward.at(r, s) + t.backward.at(r, s) + t.optimizer.at(r, s);
      rank.data += t.data.at(r, s) / steps;
      rank.compute += compute / steps;
      rank.comm_exposed += t.comm_exposed.at(r, s) / steps;
      rank.rest += (t.wall.at(r, s) - t.data.at(r, s) - compute - t.comm_exposed.at(r, s)) / steps;
    }
  }
  return ranks;
}

// The steady step whose wall time is the median, or the nearest to it.
std::int64_t median_step(const Launch& launch) {
  std::vector<double> walls;
  for (const Quantities& step : launch.steady()) walls.push_back(step[Quantity::wall]);
  return launch.warmup + place_of_median(walls);
}

void add_timeline(RunDetail& detail, const RunData& run, const EventsByStep& events) {
  const StepTable& t = run.steps;
  const std::int64_t step = median_step(*detail.launch);
  const std::int64_t ranks = std::min(t.ranks(), kTimelineRanks);
  double zero = t.start.at(0, step);
  for (std::int64_t r = 0; r < ranks; ++r) zero = std::min(zero, t.start.at(r, step));
  for (std::int64_t r = 0; r < ranks; ++r)
    for (const PhaseSpan& span : phase_spans(t, r, step))
      detail.median_step.push_back({r, span.phase, span.begin - zero, span.end - zero, -1});
  const auto at = static_cast<std::size_t>(step);
  for (std::size_t i = events.begin[at]; i < events.begin[at + 1]; ++i) {
    const std::size_t row = events.order[i];
    if (run.comm.rank[row] < ranks)
      detail.median_step.push_back({run.comm.rank[row], Quantity::comm, run.comm.start[row] - zero,
                                    run.comm.end[row] - zero, run.comm.bucket[row]});
  }
  detail.median_step_number = step;
}

std::vector<MessageTime> message_times(const RunData& run, const EventsByStep& events, std::int64_t warmup) {
  std::map<std::int64_t, std::vector<double>> by_size;
  for (std::int64_t step = warmup; step < run.steps.steps(); ++step) {
    for (const Collective& c : collectives_of(run.comm, events, step, run.steps.ranks()))
      if (c.transfer > 0 && run.comm.kind[c.rows.front()] == "all_reduce")
        by_size[run.comm.bytes[c.rows.front()]].push_back(c.transfer);
  }
  std::vector<MessageTime> times;
  for (const auto& [bytes, seconds] : by_size)
    if (bytes > 0) times.push_back({static_cast<double>(bytes), median(seconds)});
  return times;
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
  detail.ranks = rank_times(run.steps, launch.warmup);
  const EventsByStep events = events_by_step(run.comm, run.steps.steps());
  add_timeline(detail, run, events);
  detail.messages = message_times(run, events, launch.warmup);
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
      const RunData run = read_run(file_of(launch));
      if (run.header.uuid == launch.header.uuid && run.steps.steps() == std::ssize(launch.steps))
        detail.runs.push_back(make_detail(run, launch));
    } catch (const Error&) {  // it was readable a moment ago; the pictures do without it
    }
  }
  return detail;
}

}  // namespace lockstep
