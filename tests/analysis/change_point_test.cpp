#include "analysis/metrics/change_point.hpp"

#include <vector>

#include "base/random.hpp"
#include "support/catch.hpp"

using namespace lockstep;

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
