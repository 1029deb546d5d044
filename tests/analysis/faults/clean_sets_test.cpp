// A hundred sets of runs without a fault, of many sizes and kinds of noise: not one finding.
#include <fmt/format.h>

#include "analysis/support/paced_run.hpp"
#include "analysis/support/simulated_run.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

enum class Noise { normal, lognormal, correlated };

struct CleanSet {
  int number, ranks, launches, steps;
  double size;  // of the model
  Noise noise;
};

CleanSet clean_set(int number) {
  constexpr int kRanks[] = {2, 4, 8}, kLaunches[] = {3, 5}, kSteps[] = {60, 120, 200};
  constexpr double kSizes[] = {0.5, 1, 3, 10};
  return {number,
          kRanks[number % 3],
          kLaunches[number / 3 % 2],
          kSteps[number / 6 % 3],
          kSizes[number % 4],
          static_cast<Noise>(number % 7 % 3)};
}

// Three steps of warm-up, and noise that all ranks share.
void add_noise(RunData& run, const CleanSet& set, RandomStream& random) {
  const auto n = static_cast<std::size_t>(set.steps);
  std::vector<double> noise(n, 1);
  if (set.noise == Noise::lognormal) noise = lognormal_noise(random, n, 0.1);
  if (set.noise == Noise::correlated) noise = correlated_noise(random, n, 0.04, 0.7);
  set_pace(run,
           [&](std::int64_t step) { return (step < 3 ? 3 : 1) * noise[static_cast<std::size_t>(step)]; });
}

std::vector<RunData> runs_of(const CleanSet& set) {
  RandomStream random({static_cast<std::uint64_t>(set.number), 99});
  std::vector<RunData> runs;
  for (const int ranks : {1, set.ranks})
    for (int launch = 1; launch <= set.launches; ++launch) {
      runs.push_back(simulate({.ranks = ranks,
                               .steps = set.steps,
                               .seed = 1000 * set.number + launch,
                               .data = 3e-6 * set.size,
                               .forward = 100e-6 * set.size,
                               .backward = 200e-6 * set.size,
                               .buckets = {0.2e6 * set.size, 0.5e6 * set.size},
                               .launch_spread = 0.02,
                               .spread = 0.03,
                               .link_spread = 0.05}));
      add_noise(runs.back(), set, random);
    }
  return runs;
}

}  // namespace

TEST_CASE("a hundred clean sets have no finding") {
  for (int number = 0; number < 100; ++number) {
    const CleanSet set = clean_set(number);
    const Analysis analysis = analyse(runs_of(set));
    std::string found;
    for (const ReportedFinding& f : all_findings(analysis))
      found += fmt::format("{} {}: {}\n", f.subject, f.finding->rule->code, f.finding->sentence);
    CAPTURE(number);
    CHECK(found == "");
    CHECK(group_named(analysis, fmt::format("ddp x{}", set.ranks)).against_seq.speedup);
  }
}
