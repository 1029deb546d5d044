#include "analysis/runs/run_join.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include "results/columns.hpp"
#include "timing/clock.hpp"

namespace lockstep {

namespace {

constexpr int kGroupShift = 40;  // of a sequence number: above it the number of a group of ranks

// Steps that are taken from the first run, and what all of the second begins with then.
struct Seam {
  std::int64_t kept, added, ranks;
  double later;  // seconds
};

template <typename T>
Matrix<T> joined(const Matrix<T>& before, const Matrix<T>& after, const Seam& seam) {
  const bool lacks = (seam.kept > 0 && before.values.empty()) || (seam.added > 0 && after.values.empty());
  if (lacks) return {};  // only one of the files has the column
  Matrix<T> result(seam.ranks, seam.kept + seam.added);
  for (std::int64_t r = 0; r < result.rows; ++r)
    for (std::int64_t s = 0; s < result.columns; ++s)
      result.at(r, s) = s < seam.kept ? before.at(r, s) : after.at(r, s - seam.kept);
  return result;
}

double end_of(const StepTable& steps, std::int64_t step) {
  double end = 0;
  for (std::int64_t r = 0; r < steps.ranks(); ++r)
    end = std::max(end, steps.start.at(r, step) + steps.wall.at(r, step));
  return end;
}

double begin_of(const StepTable& steps) {
  double begin = steps.start.at(0, 0);
  for (std::int64_t r = 1; r < steps.ranks(); ++r) begin = std::min(begin, steps.start.at(r, 0));
  return begin;
}

StepTable join_steps(const StepTable& before, StepTable after, const Seam& seam) {
  for (double& start : after.start.values) start += seam.later;
  StepTable result;
  for_each_step_column(
      [&](const auto& c) { result.*c.table = joined(before.*c.table, after.*c.table, seam); });
  return result;
}

template <typename Table, typename Columns>
void append(Table& into, const Table& from, std::size_t i, const Columns& columns) {
  for (const auto& c : columns) (into.*c.member).push_back((from.*c.member)[i]);
}

void append_event(CommTable& into, const CommTable& from, std::size_t i) {
  append(into, from, i, kCommSmall);
  append(into, from, i, kCommLarge);
  append(into, from, i, kCommTimes);
  into.kind.push_back(from.kind[i]);
}

void append_pass(StageTable& into, const StageTable& from, std::size_t i) {
  append(into, from, i, kStageNumbers);
  append(into, from, i, kStageTimes);
}

// Numbers of the second continue after those of the first, per group of ranks.
void renumber(const CommTable& before, CommTable& after) {
  std::map<std::int64_t, std::int64_t> next;
  for (const std::int64_t number : before.sequence) {
    std::int64_t& end = next[number >> kGroupShift];
    end = std::max(end, (number & ((std::int64_t{1} << kGroupShift) - 1)) + 1);
  }
  for (std::int64_t& number : after.sequence)
    if (const auto found = next.find(number >> kGroupShift); found != next.end()) number += found->second;
}

template <typename Table, typename Times, typename Append>
Table by_rank(const Table& before, Table after, const Seam& seam, const Times& times, Append append) {
  for (std::int32_t& step : after.step) step += static_cast<std::int32_t>(seam.kept);
  for (const auto& c : times)
    for (double& time : after.*c.member) time += seam.later;
  Table result;
  for (std::int64_t rank = 0; rank < seam.ranks; ++rank) {
    for (std::size_t i = 0; i < before.size(); ++i)
      if (before.rank[i] == rank && before.step[i] < seam.kept) append(result, before, i);
    for (std::size_t i = 0; i < after.size(); ++i)
      if (after.rank[i] == rank) append(result, after, i);
  }
  return result;
}

// What the first run had done of the epoch in which the second continues.
void add_begun_epoch(RunData& after, const StepTable& before, std::int64_t kept) {
  const std::int64_t number = after.header.resumed->epochs;
  std::int64_t first = kept;
  while (first > 0 && before.epoch.at(0, first - 1) == number) --first;
  if (first == kept) return;
  if (!after.epochs.empty()) {
    EpochRow& epoch = after.epochs.front();
    epoch.train_seconds +=
        before.start.at(0, kept - 1) + before.wall.at(0, kept - 1) - before.start.at(0, first);
    epoch.gpu.energy = kUnknown;  // of a part alone
  }
  if (after.audit.empty() || std::ssize(after.audit.front().samples) != before.ranks()) return;
  for (std::int64_t r = 0; r < before.ranks(); ++r)
    for (std::int64_t s = first; s < kept; ++s)
      after.audit.front().samples[static_cast<std::size_t>(r)] += before.samples.at(r, s);
}

template <typename Row>
std::vector<Row> join_rows(std::vector<Row> before, std::int64_t kept, std::vector<Row> after) {
  before.resize(static_cast<std::size_t>(kept));
  std::move(after.begin(), after.end(), std::back_inserter(before));
  return before;
}

// What the second has taken over the first has tried; what it has tried itself comes after the first's steps.
void join_reductions(const std::optional<ReductionTable>& before, std::optional<ReductionTable>& after,
                     std::int64_t kept) {
  if (!after || (after->tried.empty() && before))
    after = before;
  else if (!after->tried.empty())
    after->steps += kept;
}

}  // namespace

RunData join_runs(RunData before, RunData after) {
  const Resumed link = *after.header.resumed;
  const std::int64_t first = before.header.resumed ? before.header.resumed->steps : 0;
  const std::int64_t kept = link.steps - first, added = after.steps.steps(),
                     epochs = link.epochs - before.first_epoch();
  Seam seam{kept, added, std::max(before.steps.ranks(), after.steps.ranks()), 0};
  if (kept > 0 && added > 0) seam.later = end_of(before.steps, kept - 1) - begin_of(after.steps);
  if (kept > 0) add_begun_epoch(after, before.steps, kept);
  renumber(before.comm, after.comm);
  join_reductions(before.reduction, after.reduction, kept);
  after.steps = join_steps(before.steps, std::move(after.steps), seam);
  after.comm = by_rank(before.comm, std::move(after.comm), seam, kCommTimes, append_event);
  after.stages = by_rank(before.stages, std::move(after.stages), seam, kStageTimes, append_pass);
  after.epochs = join_rows(std::move(before.epochs), epochs, std::move(after.epochs));
  after.audit = join_rows(std::move(before.audit), epochs, std::move(after.audit));
  after.header.resumed = before.header.resumed;
  after.header.started = before.header.started;
  after.header.wall_seconds += before.header.wall_seconds;
  return after;
}

double gap_between(const RunData& before, const RunData& after, std::int64_t kept) {
  const auto began = seconds_of_timestamp(before.header.started),
             went_on = seconds_of_timestamp(after.header.started);
  if (!began || !went_on) return kUnknown;
  const double ended = kept > 0 ? end_of(before.steps, kept - 1) : 0;
  return std::max(0.0, static_cast<double>(*went_on - *began) - ended);
}

}  // namespace lockstep
