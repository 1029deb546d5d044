#include "analysis/verbs/import_records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "analysis/import/bench_text.hpp"
#include "analysis/import/kineto_ranks.hpp"
#include "analysis/import/kineto_run.hpp"
#include "analysis/import/run_folder.hpp"
#include "base/error.hpp"
#include "base/regular_file.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kLargestText = 64 << 20;

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return name.ends_with(end); });
}

bool is_text(std::string_view name) { return ends_with_any(name, {".txt", ".out", ".log"}); }

void sort_in(SortedFiles& sorted, const TreeFile& file) {
  if (file.path.ends_with(".gz") || (file.path.ends_with(".json") && looks_like_trace(file.path)))
    sorted.traces.push_back(file);
  else if (is_text(file.path) && looks_like_bench(read_regular_file(file.path, kLargestText)))
    sorted.benches.push_back(file);
  else if (is_text(file.path) && file.given)
    throw input_error(
        "{}: neither the output of nccl-tests nor of an OSU micro-benchmark; see docs/importing.md",
        file.path);
  else if (!is_text(file.path))
    sorted.results.push_back(file.path);
}

// Passes a file's error on where the file was asked for, and notes it where it was found.
template <typename Body>
void with_file(const TreeFile& file, std::vector<std::string>& left_out, Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    if (file.given || error.code() != ExitCode::bad_input) throw;
    left_out.emplace_back(error.what());
  }
}

BenchFacts bench_facts(const AnalyzeOptions& options) {
  return {options.ranks.size() == 1 ? options.ranks.front() : 0, options.facts.nodes, options.facts.hardware,
          options.facts.like};
}

}  // namespace

bool may_be_imported(const std::string& name) {
  return ends_with_any(name, {".csv", ".json", ".json.gz"}) || is_text(name);
}

SortedFiles sorted_files(const std::vector<TreeFile>& files) {
  SortedFiles sorted;
  for (const TreeFile& file : files) {
    try {
      sort_in(sorted, file);
    } catch (const Error&) {
      if (file.given) throw;
      if (!is_text(file.path)) sorted.results.push_back(file.path);  // whose reader says what is wrong
    }
  }
  return sorted;
}

std::vector<MadeFile> import_records(const SortedFiles& files, const AnalyzeOptions& options,
                                     std::vector<std::string>& left_out) {
  std::vector<RankTrace> traces;
  for (const TreeFile& file : files.traces)
    with_file(file, left_out, [&] { traces.push_back(read_rank_trace(file.path, options.facts.step_name)); });
  std::vector<MadeFile> made;
  for (const std::vector<RankTrace>& ranks : runs_of_traces(std::move(traces))) {
    const TraceRun one = run_of_traces(ranks, options.facts);
    made.push_back(made_file(write_imported(options.into, one.run), one.run, one.notes));
  }
  for (const TreeFile& file : files.benches)
    with_file(file, left_out, [&] {
      const ImportedBench one =
          bench_of_text(read_regular_file(file.path, kLargestText), file.path, bench_facts(options));
      MadeFile bench{write_imported(options.into, one.bench),
                     "",
                     std::ssize(one.bench.ranks),
                     0,
                     std::ssize(one.bench.cases),
                     0,
                     0,
                     one.notes};
      made.push_back(std::move(bench));
    });
  return made;
}

}  // namespace lockstep
