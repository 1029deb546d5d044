#include "support/closeness.hpp"

#include <vector>

#include "support/catch.hpp"

using namespace lockstep::test;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double largest_of(const std::vector<double>& found, const std::vector<double>& expected) {
  return largest_difference(found, expected);
}

}  // namespace

TEST_CASE("the larger and the smaller of two are NaN when one is") {
  CHECK(larger(1, 2) == 2);
  CHECK(larger(2, 1) == 2);
  CHECK(smaller(1, 2) == 1);
  CHECK(smaller(2, 1) == 1);
  for (const double number : {0.0, -1.0, kInfinity}) {
    CHECK(std::isnan(larger(number, kNan)));
    CHECK(std::isnan(larger(kNan, number)));
    CHECK(std::isnan(smaller(number, kNan)));
    CHECK(std::isnan(smaller(kNan, number)));
  }
}

TEST_CASE("differences of numbers") {
  CHECK(difference(1, 3.5) == 2.5);
  CHECK(difference(kInfinity, kInfinity) == 0);
  CHECK(difference(kInfinity, -kInfinity) == kInfinity);
  CHECK(difference(1, kInfinity) == kInfinity);
  CHECK(std::isnan(difference(kNan, kNan)));
  CHECK(relative_difference(6, 4) == 0.5);
  CHECK(relative_difference(-6, -4) == 0.5);
  CHECK(relative_difference(0, 0) == 0);
  CHECK(relative_difference(1, 0) == kInfinity);
  CHECK(std::isnan(relative_difference(kNan, 1)));
  CHECK_FALSE(relative_difference(1, kInfinity) < 1e300);
}

TEST_CASE("a NaN anywhere is no difference that a bound holds of") {
  CHECK(largest_of({1, 2, 3}, {1, 2.5, 3.25}) == 0.5);
  for (std::size_t at = 0; at < 3; ++at) {
    std::vector<double> planted = {1, 2, 3};
    planted[at] = kNan;
    CHECK_FALSE(largest_of(planted, {1, 2, 3}) < 1);
    CHECK_FALSE(largest_of({1, 2, 3}, planted) < 1);
    CHECK_FALSE(largest_of(planted, planted) < 1);
    CHECK_FALSE(largest_relative_difference(planted, std::vector<double>{1, 2, 3}) < 1);
    planted[at] = kInfinity;
    CHECK_FALSE(largest_of(planted, {1, 2, 3}) < 1e300);
    CHECK(largest_of(planted, planted) == 0);
  }
}

TEST_CASE("nothing, and lists of different lengths, cannot be compared") {
  CHECK(std::isnan(largest_of({}, {})));
  CHECK(std::isnan(largest_of({1}, {1, 1})));
  CHECK(std::isnan(largest_of({1, 1}, {1})));
}
