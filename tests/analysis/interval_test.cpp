// Intervals: what they are made of, and that they hold the truth as often as they say.
#include <algorithm>
#include <cmath>

#include "analysis/support/experiment.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;
using Q = Quantity;

namespace {

double wall(const Quantities& q) { return q[Q::wall]; }
double ratio(const Quantities& here, const Quantities& base) { return base[Q::wall] / here[Q::wall]; }

// Launches of two steps each, all of the same length.
StepEstimates launches_that_take(const std::vector<double>& seconds) {
  std::vector<std::vector<Quantities>> launches;
  for (const double s : seconds) {
    launches.emplace_back(2);
    for (Quantities& step : launches.back()) step[Q::wall] = s;
  }
  return estimates_of(launches);
}

}  // namespace

TEST_CASE("one launch has no interval, and its own steps are called so") {
  const Experiment one{.launches = 1}, three{.launches = 3};
  const StepEstimates single = estimates_of(launches_of(one, 1, 1)),
                      several = estimates_of(launches_of(three, 2, 2));
  CHECK(single.repeats.size() == kBatches);
  CHECK_FALSE(estimate(single, wall).interval);
  CHECK(estimate(single, wall).within_launch);
  CHECK(estimate(several, wall).interval);
  CHECK_FALSE(estimate(several, wall).within_launch);
  CHECK_FALSE(estimate(single, several, ratio).interval);
  CHECK(estimate(single, several, ratio).within_launch);
  CHECK_FALSE(estimate(several, single, ratio).interval);
}

TEST_CASE("the value is the median of the launches' means") {
  CHECK(estimate(launches_that_take({4, 0.5, 1}), wall).value == Approx(1));
}

TEST_CASE("an interval is Student's of the logarithms, that of a ratio Welch's") {
  // Logarithms 0, .1, .2: mean .1, s = .1, t(2) = 4.3027.
  const double half = 4.302653 * 0.1 / std::sqrt(3.0);
  const StepEstimates one = launches_that_take({1, std::exp(0.1), std::exp(0.2)});
  const Estimate e = estimate(one, wall);
  CHECK(e.interval->low == Approx(std::exp(0.1 - half)));
  CHECK(e.interval->high == Approx(std::exp(0.1 + half)));
  // Against launches with a quarter of the spread: v = (1 + 1/16)^2 / (1 + 1/256) * 2 = 2.249.
  const StepEstimates base = launches_that_take({2, 2 * std::exp(0.025), 2 * std::exp(0.05)});
  const double error = std::sqrt((0.01 + 0.000625) / 3), middle = std::log(2.0) + 0.025 - 0.1;
  const Estimate s = estimate(one, base, ratio);
  const double degrees = std::pow(1 + 1.0 / 16, 2) / (1 + 1.0 / 256) * 2;
  CHECK(s.value == Approx(2 * std::exp(0.025 - 0.1)));
  CHECK(s.interval->low == Approx(std::exp(middle - student_t(degrees) * error)));
  CHECK(s.interval->high == Approx(std::exp(middle + student_t(degrees) * error)));
}

TEST_CASE("the interval of a slowdown is the reciprocal of the speedup's") {
  const StepEstimates a = launches_that_take({1, 1.3, 1.1}), b = launches_that_take({2, 9, 1});
  const Estimate up = estimate(a, b, ratio), down = estimate(b, a, ratio);
  CHECK(down.interval->low == Approx(1 / up.interval->high));
  CHECK(down.interval->high == Approx(1 / up.interval->low));
  const Estimate turned = mapped(up, [](double s) { return 1 / s; });
  CHECK(turned.value == Approx(down.value));
  CHECK(turned.interval->low == Approx(down.interval->low));
}

TEST_CASE("no bound of what is positive lies below 0, however far launches lie apart") {
  for (const std::vector<double>& seconds :
       std::vector<std::vector<double>>{{1, 40, 0.01}, {0, 5, 1}, {1, 1e9}, {0, 0, 0}}) {
    const Estimate e = estimate(launches_that_take(seconds), wall);
    CAPTURE(seconds);
    REQUIRE(e.interval);
    CHECK(e.interval->low >= 0);
    CHECK(e.interval->low <= e.value);
    CHECK(e.value <= e.interval->high);
  }
  const std::vector<double> few = {0.5}, some = {3, 1e-6, 20};
  CHECK_FALSE(estimate_launches(few).interval);
  CHECK(estimate_launches(some).interval->low > 0);
  CHECK(estimate_from_draws(2, some, 3).interval->low > 0);
}

TEST_CASE("a group that stands twice in a metric varies in both places at once") {
  const StepEstimates group = launches_that_take({1, 2, 4});
  const StepEstimates* const twice[] = {&group, &group};
  const Estimate e = estimate(twice, [](std::span<const Quantities> q) { return wall(q[0]) / wall(q[1]); });
  CHECK(e.interval->low == Approx(1));
  CHECK(e.interval->high == Approx(1));
}

TEST_CASE("what else is uncertain makes the interval wider") {
  const StepEstimates group = launches_that_take({1, 1.01, 1.02});
  const StepEstimates* const groups[] = {&group};
  const auto metric = [](std::span<const Quantities> q) { return wall(q[0]); };
  const Estimate::Bounds link[] = {{0.5, 2}};
  const Estimate sure = estimate(groups, metric), unsure = estimate(groups, metric, Scale::positive, link);
  CHECK(unsure.interval->low == Approx(0.505).epsilon(0.02));
  CHECK(unsure.interval->low < sure.interval->low);
}

TEST_CASE("how many launches would decide") {
  // Logarithms apart by .03 with a spread of .02 on both sides: t sqrt(2) .02 / sqrt(n) < .03 from n = 5 on.
  const StepEstimates base = launches_that_take({std::exp(0.01), std::exp(0.03), std::exp(0.05)}),
                      group = launches_that_take({std::exp(-0.02), 1, std::exp(0.02)});
  CHECK(estimate(group, base, ratio).interval->low < 1);
  CHECK(launches_to_decide(group, base, ratio) == 5);
  CHECK_FALSE(launches_to_decide(group, group, ratio));
  CHECK_FALSE(launches_to_decide(launches_that_take({1}), base, ratio));
}

TEST_CASE("intervals hold the truth as often as they say, and are no wider than Welch's") {
  constexpr int kExperiments = 200;
  // With 95 % of 200, three standard deviations below are 90.4 %. The upper bound says that intervals are not
  // needlessly wide; few launches with outliers have the widest, see docs/metrics.md.
  for (const std::size_t launches : {3, 5, 10})
    for (const Noise noise : kNoises) {
      const Coverage c = coverage_of({launches, noise, 1.47}, kExperiments);
      CAPTURE(launches, name_of(noise), c.held);
      CHECK(c.held >= 0.904);
      CHECK(c.width < 1.2 * c.welch_width);
      CHECK(c.width > c.welch_width / 1.2);
    }
}

TEST_CASE("Student's quantile for degrees of freedom that are no whole number") {
  CHECK(student_t(2) == Approx(4.302653).epsilon(1e-5));
  CHECK(student_t(2.5) == Approx(3.574655).epsilon(1e-5));
  CHECK(student_t(4) == Approx(2.776445).epsilon(1e-5));
  CHECK(student_t(59.99) == Approx(student_t(60.01)).epsilon(1e-5));
}
