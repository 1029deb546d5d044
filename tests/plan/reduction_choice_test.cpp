// What is tried, when, and what is chosen by what it took.
#include "plan/reduction_choice.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "support/catch.hpp"

using namespace lockstep;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// So many parameters of this many MiB.
std::vector<ParameterShape> parameters(int count, double mib) {
  std::vector<ParameterShape> shapes;
  for (int p = 0; p < count; ++p)
    shapes.push_back({std::to_string(p), static_cast<std::int64_t>(mib * 1024 * 1024 / 4)});
  return shapes;
}

const std::vector<Reduction> kTwo = {{Overlap::during, 25}, {Overlap::after, 25}};
const std::vector<Reduction> kFour = {
    {Overlap::during, 25}, {Overlap::after, 25}, {Overlap::during, 5}, {Overlap::after, 5}};

}  // namespace

TEST_CASE("what the configuration leaves open is tried, the usual way first") {
  const auto shapes = parameters(60, 4);  // 240 MiB
  CHECK(candidates({Overlap::during, 7.0, 1}, shapes) == std::vector<Reduction>{{Overlap::during, 7}});
  CHECK(candidates({{}, 7.0, 1}, shapes) ==
        std::vector<Reduction>{{Overlap::during, 7}, {Overlap::after, 7}});
  CHECK(candidates({Overlap::after, {}, 1}, shapes) ==
        std::vector<Reduction>{{Overlap::after, 25}, {Overlap::after, 5}, {Overlap::after, 100}});
  CHECK(candidates({{}, {}, 1}, shapes) == std::vector<Reduction>{{Overlap::during, 25},
                                                                  {Overlap::after, 25},
                                                                  {Overlap::during, 5},
                                                                  {Overlap::after, 5},
                                                                  {Overlap::during, 100},
                                                                  {Overlap::after, 100}});
}

TEST_CASE("sizes that lead to the same buckets are tried once, and none below the first bucket's") {
  CHECK(candidates({Overlap::during, {}, 1}, parameters(3, 0.1)).size() == 1);  // all in one bucket
  CHECK(candidates({Overlap::during, {}, 1}, parameters(10, 4)) ==
        std::vector<Reduction>{{Overlap::during, 25}, {Overlap::during, 5}, {Overlap::during, 100}});
  CHECK(candidates({Overlap::during, {}, 1}, parameters(5, 4)) ==
        std::vector<Reduction>{{Overlap::during, 25}, {Overlap::during, 5}});
  CHECK(candidates({Overlap::during, {}, 10}, parameters(60, 4)) ==
        std::vector<Reduction>{{Overlap::during, 25}, {Overlap::during, 100}});
  CHECK(candidates({Overlap::during, {}, 60}, parameters(60, 4)) ==
        std::vector<Reduction>{{Overlap::during, 60}, {Overlap::during, 100}});
}

TEST_CASE(
    "every candidate has as many steps that count, spread over the trial, each in buckets that are not new") {
  for (const auto& tried : {kTwo, kFour, candidates({{}, {}, 1}, parameters(60, 4))}) {
    const std::vector<TrialStep> schedule = trial_schedule(tried);
    std::map<std::size_t, std::vector<std::size_t>> places;
    for (std::size_t i = 0; i < schedule.size(); ++i) {
      if (schedule[i].counts) places[schedule[i].candidate].push_back(i);
      const bool new_buckets =
          i == 0 || tried[schedule[i].candidate].bucket_mb != tried[schedule[i - 1].candidate].bucket_mb;
      CHECK(schedule[i].counts == !new_buckets);
    }
    REQUIRE(places.size() == tried.size());
    for (const auto& [candidate, steps] : places) {
      CHECK(steps.size() == 6);
      CHECK(steps.front() < schedule.size() / 2);
      CHECK(steps.back() >= schedule.size() / 2);
    }
    CHECK(steps_of_trial(schedule) == kStepsBeforeTrial + static_cast<std::int64_t>(schedule.size()) + 1);
  }
  CHECK(trial_schedule(kTwo).size() == 13);
}

TEST_CASE("the fastest is chosen, but for a tie the usual way") {
  const auto chosen = [](std::vector<double> seconds) { return choose(kFour, seconds).candidate; };
  CHECK(chosen({4e-3, 3e-3, 2e-3, 3e-3}) == 2);
  CHECK(chosen({2e-3, 3e-3, 4e-3, 3e-3}) == 0);
  CHECK(chosen({2e-3, 2e-3, 2e-3, 2e-3}) == 0);
  CHECK(chosen({2e-3, 1.95e-3, 1.96e-3, 3e-3}) == 0);  // within what two runs differ by
  CHECK(chosen({2e-3, 1.93e-3, 1.96e-3, 3e-3}) == 1);
  CHECK(chosen({4e-3, 3e-3, 3e-3, 3e-3}) == 1);  // the first of equals
}

TEST_CASE("what could not be timed is not chosen") {
  const auto chosen = [](std::vector<double> seconds) { return choose(kFour, seconds).candidate; };
  CHECK(chosen({4e-3, kNan, 2e-3, kInfinity}) == 2);
  CHECK(chosen({kNan, 3e-3, 4e-3, kNan}) == 1);
  CHECK(chosen({kNan, kNan, kNan, kNan}) == 0);
  CHECK(chosen({4e-3, 0, -1, 4e-3}) == 0);
  CHECK(choose(kFour, std::vector<double>(4, kNan)).reason ==
        "no step could be timed, so the usual way is kept");
}

TEST_CASE("the reason says what was measured") {
  CHECK(choose(kFour, std::vector<double>{4e-3, 3e-3, 2e-3, 3e-3}).reason ==
        "the fastest of 4 tried, 2 ms a step, 50.0 % less than with overlap true, buckets of 25 MiB");
  CHECK(choose(kTwo, std::vector<double>{2e-3, 2.5e-3}).reason == "the fastest of 2 tried, 2 ms a step");
  CHECK(choose(kTwo, std::vector<double>{2e-3, 1.99e-3}).reason ==
        "2 ms a step; none of the 2 tried is more than 3 % faster");
  CHECK(choose(kTwo, std::vector<double>{kNan, 1.99e-3}).reason == "the fastest of 2 tried, 1.99 ms a step");
}

TEST_CASE("the slowest rank decides, and what one could not time nobody knows") {
  CHECK(slowest_of(std::vector<std::vector<double>>{{1, 5}, {3, 2}, {2, 4}}) == std::vector<double>{3, 5});
  for (const std::size_t place : {0U, 1U, 2U}) {
    std::vector<std::vector<double>> ranks(3, {1, 2});
    ranks[place][0] = kNan;
    const std::vector<double> slowest = slowest_of(ranks);
    CHECK(slowest[0] != slowest[0]);
    CHECK(slowest[1] == 2);
  }
}

TEST_CASE("the median of some step times") {
  CHECK(median_of({3, 1, 2}) == 2);
  CHECK(median_of({4, 1, 3, 2}) == 2.5);
  CHECK(std::isnan(median_of({})));
}
