// Writes run files of simulated launches, for measuring analyze:
//   make_runs FOLDER [RUNS [RANKS [STEPS [BUCKETS]]]]        1000 runs, 4 ranks, 500 steps, 5 buckets
// A quarter of the runs is sequential where RANKS > 1 and RUNS > 1. See benchmarks/analyze.sh.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "analysis/support/simulated_run.hpp"
#include "results/run_writer.hpp"

namespace lockstep {

namespace {

int argument(int argc, char** argv, int place, int otherwise) {
  const int value = argc > place ? std::atoi(argv[place]) : otherwise;
  if (value < 1) throw std::runtime_error(fmt::format("argument {} is not a positive number", place));
  return value;
}

// Of several sizes, so that a link can be fitted.
std::vector<double> sizes_of(int buckets) {
  std::vector<double> sizes;
  for (int b = 0; b < buckets; ++b) sizes.push_back(b % 2 == 0 ? 0.5e6 : 2e6);
  return sizes;
}

void write_run(const std::string& folder, const RunData& run) {
  std::filesystem::create_directories(folder);
  RunWriter writer(folder + "/run.h5", run);
  writer.set_buckets(run.buckets);
  writer.append_epoch(run.steps, run.comm, {}, run.epochs.front(), run.audit.front());
  writer.finish("complete", true, {}, run.header.wall_seconds);
}

void write_all(int argc, char** argv) {
  const std::string folder = argv[1];
  const int runs = argument(argc, argv, 2, 1000), ranks = argument(argc, argv, 3, 4),
            steps = argument(argc, argv, 4, 500), buckets = argument(argc, argv, 5, 5);
  for (int i = 0; i < runs; ++i) {
    const bool sequential = runs > 1 && i % 4 == 0;
    const test::SimulatedRun simulated{.ranks = sequential ? 1 : ranks,
                                       .steps = steps,
                                       .batch = 64 * ranks,
                                       .seed = i + 1,
                                       .buckets = sizes_of(buckets),
                                       .launch_spread = 0.01,
                                       .spread = 0.02,
                                       .link_spread = 0.05};
    write_run(fmt::format("{}/run-{:05}", folder, i), test::simulate(simulated));
  }
}

}  // namespace

}  // namespace lockstep

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: make_runs FOLDER [RUNS [RANKS [STEPS [BUCKETS]]]]\n", stderr);
    return 2;
  }
  try {
    lockstep::write_all(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "make_runs: {}\n", error.what());
    return 1;
  }
}
