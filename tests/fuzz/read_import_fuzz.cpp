// libFuzzer target: traces, benchmarks and tables of results of any bytes are read, or refused in one line; never
// anything else. The first byte says as which the others are read. A trace is read compressed as it is plain. See
// scripts/fuzz.
#include <cstdint>

#include "analysis/import/artefact.hpp"
#include "analysis/import/bench_text.hpp"
#include "analysis/import/claims.hpp"
#include "analysis/import/kineto_run.hpp"
#include "fuzz/outcome.hpp"

namespace lockstep::fuzz {

namespace {

std::string read_trace(const std::string& path) {
  std::vector<RankTrace> traces;
  traces.push_back(read_rank_trace(path, "ProfilerStep"));
  std::string all;
  for (const auto& ranks : runs_of_traces(std::move(traces))) {
    const RunData run = run_of_traces(ranks, {}).run;
    for (const double wall : run.steps.wall.values) {
      if (!(wall > 0)) std::abort();
      all += fmt::format("{} ", wall);
    }
    for (const double exposed : run.steps.comm_exposed.values) all += fmt::format("{} ", exposed);
    all += fmt::format("{} {}", run.comm.size(), run.header.started);
  }
  return all;
}

std::string claims_in(const std::vector<ImportedRun>& runs) {
  return std::to_string(claims_of(runs).findings.size());
}

void read_as(unsigned kind, std::string_view bytes) {
  const std::string text(bytes);
  switch (kind % 4) {
    case 0:
      if (bytes.starts_with("\x1f\x8b")) return;  // packed already
      return same_compressed(bytes, read_trace);
    case 1:
      outcome([&] {
        return std::to_string(bench_of_text(text, "f.txt", {2, 1, "here", ""}).bench.cases.size());
      });
      return;
    case 2:
      outcome([&] { return claims_in(runs_of_csv(text, "f.csv")); });
      return;
    default:
      outcome([&] { return claims_in(runs_of_json(text, "f.json")); });
  }
}

}  // namespace

}  // namespace lockstep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) lockstep::fuzz::read_as(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
