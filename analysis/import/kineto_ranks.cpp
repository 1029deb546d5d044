#include "analysis/import/kineto_ranks.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "analysis/import/names.hpp"
#include "base/error.hpp"

namespace lockstep {

RankTrace read_rank_trace(const std::string& path, const std::string& step_name) {
  RankTrace rank{read_kineto_trace(path, step_name), {}};
  rank.steps = rank_steps(rank.trace);
  rank.trace.forget_events();
  return rank;
}

namespace {

void find_rank(KinetoTrace& trace) {
  if (trace.rank < 0) trace.rank = rank_in(std::filesystem::path(trace.path).filename().string());
  if (trace.world_size == 0 && trace.rank < 0) trace.world_size = 1;
  if (trace.world_size == 1) trace.rank = 0;
  if (trace.rank < 0)
    throw input_error("{}: neither the trace nor its name gives the rank; name it ...rank0...", trace.path);
}

bool share_steps(const RankTrace& a, const RankTrace& b) {
  return a.steps.numbers.front() <= b.steps.numbers.back() &&
         b.steps.numbers.front() <= a.steps.numbers.back();
}

bool may_belong(const std::vector<RankTrace>& run, const RankTrace& trace) {
  const auto folder = [](const RankTrace& t) { return std::filesystem::path(t.trace.path).parent_path(); };
  return trace.trace.world_size != 1 && run.front().trace.world_size == trace.trace.world_size &&
         folder(run.front()) == folder(trace) && share_steps(run.front(), trace);
}

void add_to(std::vector<RankTrace>& run, RankTrace trace) {
  const auto same = std::find_if(
      run.begin(), run.end(), [&](const RankTrace& other) { return other.trace.rank == trace.trace.rank; });
  if (same != run.end())
    throw input_error("{} and {} are both of rank {}; put the traces of each run into a separate folder",
                      same->trace.path, trace.trace.path, trace.trace.rank);
  run.push_back(std::move(trace));
}

}  // namespace

std::vector<std::vector<RankTrace>> runs_of_traces(std::vector<RankTrace> traces) {
  for (RankTrace& trace : traces) find_rank(trace.trace);
  std::stable_sort(traces.begin(), traces.end(), [](const RankTrace& a, const RankTrace& b) {
    return std::pair(a.steps.numbers.front(), a.trace.rank) <
           std::pair(b.steps.numbers.front(), b.trace.rank);
  });
  std::vector<std::vector<RankTrace>> runs;
  for (RankTrace& trace : traces) {
    const auto run =
        std::find_if(runs.begin(), runs.end(), [&](const auto& r) { return may_belong(r, trace); });
    if (run != runs.end())
      add_to(*run, std::move(trace));
    else
      runs.emplace_back().push_back(std::move(trace));
  }
  for (auto& run : runs)
    std::sort(run.begin(), run.end(),
              [](const RankTrace& a, const RankTrace& b) { return a.trace.rank < b.trace.rank; });
  return runs;
}

}  // namespace lockstep
