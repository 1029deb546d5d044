#include "analysis/metrics/change_point.hpp"

#include <cmath>
#include <vector>

#include "analysis/metrics/statistics.hpp"
#include "analysis/support/paced_run.hpp"
#include "base/random.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::vector<double> noisy_steps(std::size_t n, std::uint64_t seed, double spread = 0.03) {
  RandomStream random({seed});
  std::vector<double> steps;
  for (std::size_t i = 0; i < n; ++i) steps.push_back(1 + spread * random.normal());
  return steps;
}

}  // namespace

TEST_CASE("a slow beginning is found to the step") {
  for (const std::size_t slow : {1U, 3U, 10U, 30U}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      std::vector<double> steps = noisy_steps(400, seed);
      for (std::size_t i = 0; i < slow; ++i) steps[i] += 1;
      CAPTURE(slow, seed);
      CHECK(warmup_steps(steps) == static_cast<std::int64_t>(slow));
    }
  }
}

TEST_CASE("two stages of warm-up are both left out") {
  std::vector<double> steps = noisy_steps(500, 1);
  steps[0] += 30;
  for (std::size_t i = 1; i < 20; ++i) steps[i] += 0.2;
  CHECK(warmup_steps(steps) == 20);
}

TEST_CASE("steady steps are seldom taken for a warm-up") {
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) found += warmup_steps(noisy_steps(300, seed)) > 0;
  CHECK(found <= 4);
}

TEST_CASE("steps that resemble their neighbours are seldom taken for a warm-up, and keep their mean") {
  for (const double rho : {0.3, 0.5, 0.8, 0.9, 0.95}) {
    for (const std::size_t n : {60U, 100U, 300U, 1000U}) {
      constexpr int kSeries = 400;
      int found = 0;
      double bias = 0;
      for (std::uint64_t seed = 1; seed <= kSeries; ++seed) {
        RandomStream random({seed, n, static_cast<std::uint64_t>(100 * rho)});
        const std::vector<double> steps = correlated_noise(random, n, 0.03, rho);
        const auto warm = static_cast<std::size_t>(warmup_steps(steps));
        found += warm > 0 ? 1 : 0;
        bias += mean(std::span(steps).subspan(warm)) - mean(steps);
      }
      CAPTURE(rho, n, found);
      CHECK(found < 0.05 * kSeries);
      CHECK(std::abs(bias / kSeries) < 0.001);
    }
  }
}

TEST_CASE("a change of level is found in noise, and none where there is none") {
  int found = 0, imagined = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    RandomStream random({seed, 5});
    std::vector<double> steps = correlated_noise(random, 200, 0.04, 0.7);
    imagined += level_change(steps) ? 1 : 0;
    for (std::size_t i = 100; i < 200; ++i) steps[i] *= 1.3;
    const auto change = level_change(steps);
    found += change && std::abs(change->at - 100) <= 10 && change->after > 1.2 * change->before ? 1 : 0;
  }
  CHECK(found >= 98);
  CHECK(imagined <= 1);
}

TEST_CASE("a slow drift is a change of level, a spike is none") {
  std::vector<double> steps = noisy_steps(200, 1);
  steps[70] = 40;
  CHECK_FALSE(level_change(steps));
  for (std::size_t i = 0; i < 200; ++i) steps[i] *= 1 + 0.003 * static_cast<double>(i);
  REQUIRE(level_change(steps));
  CHECK(level_change(steps)->after > 1.2 * level_change(steps)->before);
  CHECK_FALSE(level_change(std::vector<double>(15, 1.0)));
  CHECK_FALSE(level_change(std::vector<double>(200, 1.0)));
}

TEST_CASE("a late spike, a slow end and a faster beginning are no warm-up") {
  std::vector<double> steps = noisy_steps(400, 3);
  SECTION("spike") { steps[30] = 500; }
  SECTION("slow end") {
    for (std::size_t i = 300; i < 400; ++i) steps[i] += 1;
  }
  SECTION("fast beginning") {
    for (std::size_t i = 0; i < 20; ++i) steps[i] = 0.5;
  }
  CHECK(warmup_steps(steps) == 0);
}

TEST_CASE("few, equal and no steps") {
  CHECK(warmup_steps({}) == 0);
  CHECK(warmup_steps(std::vector<double>{9, 1, 1, 1, 1}) == 0);
  std::vector<double> equal(100, 1.0);
  CHECK(warmup_steps(equal) == 0);
  equal[0] = 2;
  CHECK(warmup_steps(equal) == 1);
}

TEST_CASE("no more than the stated part is left out") {
  std::vector<double> steps(1000, 1.0);
  for (std::size_t i = 0; i < 400; ++i) steps[i] = 2;
  CHECK(warmup_steps(steps) <= 100);
}
