// Writes made-up runs for tests/analysis/page.sh: write_runs FOLDER CONFIGURATIONS, three launches of each, the first
// sequential, the others on 2, 4 and 8 ranks in turn.
#include <cstdio>
#include <cstdlib>

#include "analysis/support/program.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

RunData launch_of(int configuration, int seed) {
  const int ranks = configuration == 0 ? 1 : 2 << (configuration % 3);
  RunData run = one_epoch({.mode = ranks == 1 ? "seq" : "ddp",
                           .ranks = ranks,
                           .seed = seed,
                           .forward = (10e-3 + 1e-4 * configuration) / ranks,
                           .backward = 20e-3 / ranks,
                           .transfer = ranks == 1 ? 0 : 1e-3 + 3e-5 * configuration,
                           .hidden = ranks == 1 ? 0 : 0.5e-3,
                           .late = ranks > 1 && configuration % 7 == 1 ? 2e-3 : 0,
                           .jitter = 0.01});
  if (configuration > 0) run.settings["parallel.bucket_mb"] = std::to_string(configuration);
  run.header.uuid += "-" + std::to_string(configuration);
  return run;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: write_runs FOLDER CONFIGURATIONS\n", stderr);
    return 2;
  }
  for (int configuration = 0; configuration < std::atoi(argv[2]); ++configuration)
    for (int seed = 1; seed <= 3; ++seed)
      write_run(std::string(argv[1]) + "/run-" + std::to_string(configuration) + "-" + std::to_string(seed),
                launch_of(configuration, seed));
}
