// diff: a true change is found, and none is found where there is none or nothing can be known.
#include "analysis/support/simulated_run.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/pages.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

// Launches of a machine without communication, of which the steps take so long; each differs by 2 %.
Analysis launches_of(int launches, double step, int first_seed) {
  std::vector<RunData> runs;
  for (int launch = 0; launch < launches; ++launch) {
    SimulatedRun s;
    s.steps = 20;
    s.seed = first_seed + launch;
    s.data = s.forward = s.backward = s.optimizer = s.other = 0;
    s.fixed = step;
    s.buckets = {};
    s.launch_spread = 0.02;
    s.spread = 0.03;
    runs.push_back(simulate(s));
  }
  return analyse(runs);
}

Difference found(int launches, double factor, int trial) {
  PageOptions options;
  options.paths = {"before", "after"};
  return difference(launches_of(launches, 30e-3, 1000 * trial),
                    launches_of(launches, factor * 30e-3, 1000 * trial + 500), options);
}

int regressions(int launches, double factor) {
  int count = 0;
  for (int trial = 1; trial <= 100; ++trial) count += found(launches, factor, trial).regression ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("three launches that differ by 2 % show a step that takes 10 % longer") {
  CHECK(regressions(3, 1.1) >= 90);
}

TEST_CASE("no change and single launches are never called a regression") {
  CHECK(regressions(3, 1) == 0);
  CHECK(regressions(1, 1) == 0);
  CHECK(regressions(1, 1.1) == 0);
  const Difference single = found(1, 1.5, 1);
  CHECK(says(single.page.lead.front(), "whether the step has changed cannot be said"));
  CHECK(says(single.page.lead.front(), "two or more launches are needed on both sides"));
}
