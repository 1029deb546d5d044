#include "analysis/metrics/bootstrap.hpp"

#include "base/random.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using Q = Quantity;

namespace {

// One launch: its own level, and steps that scatter around it.
std::vector<Quantities> launch_of(RandomStream& random, double level, std::size_t steps = 300) {
  std::vector<Quantities> launch(steps);
  const double own = level * (1 + 0.02 * random.normal());
  for (Quantities& step : launch) {
    step[Q::wall] = own * (1 + 0.05 * random.normal());
    step[Q::samples] = 64;
  }
  return launch;
}

std::vector<std::vector<Quantities>> group_of(RandomStream& random, double level, std::size_t launches) {
  std::vector<std::vector<Quantities>> group;
  for (std::size_t i = 0; i < launches; ++i) group.push_back(launch_of(random, level));
  return group;
}

StepEstimates estimates_of(const std::vector<std::vector<Quantities>>& group, std::uint64_t seed) {
  const std::vector<std::span<const Quantities>> spans(group.begin(), group.end());
  return estimate_steps(spans, seed);
}

double wall(const Quantities& q) { return q[Q::wall]; }
double ratio(const Quantities& here, const Quantities& base) { return base[Q::wall] / here[Q::wall]; }

}  // namespace

TEST_CASE("one launch has a value and no interval") {
  RandomStream random({1});
  const StepEstimates one = estimates_of(group_of(random, 1, 1), 1);
  const StepEstimates three = estimates_of(group_of(random, 2, 3), 1);
  CHECK(one.point[Q::wall] == Approx(1).epsilon(0.1));
  CHECK_FALSE(estimate(one, wall).interval);
  CHECK(estimate(three, wall).interval);
  CHECK_FALSE(estimate(one, three, ratio).interval);
}

TEST_CASE("the value is the median of the launches' means") {
  std::vector<std::vector<Quantities>> group(3, std::vector<Quantities>(10));
  for (std::size_t i = 0; i < 3; ++i)
    for (Quantities& step : group[i]) step[Q::wall] = static_cast<double>(i * i);
  CHECK(estimate(estimates_of(group, 1), wall).value == Approx(1));
}

TEST_CASE("the same seed gives the same interval, another seed nearly the same") {
  RandomStream random({2});
  const auto group = group_of(random, 1, 5);
  const Estimate a = estimate(estimates_of(group, 1), wall), b = estimate(estimates_of(group, 1), wall),
                 c = estimate(estimates_of(group, 2), wall);
  CHECK(a.interval->low == b.interval->low);
  CHECK(a.interval->high == b.interval->high);
  CHECK(a.interval->low != c.interval->low);
  CHECK(a.interval->low == Approx(c.interval->low).epsilon(0.01));
}

TEST_CASE("intervals of a ratio hold the truth about as often as they say") {
  int held = 0;
  constexpr int kTrials = 100;
  for (std::uint64_t trial = 1; trial <= kTrials; ++trial) {
    RandomStream random({trial});
    const StepEstimates base = estimates_of(group_of(random, 3, 10), trial);
    const StepEstimates group = estimates_of(group_of(random, 2, 10), trial + 1000);
    const Estimate s = estimate(group, base, ratio);
    held += s.interval->low <= 1.5 && 1.5 <= s.interval->high;
  }
  CHECK(held >= 88);
}
