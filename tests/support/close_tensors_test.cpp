#include "support/close_tensors.hpp"

#include "support/catch.hpp"

using namespace lockstep::test;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// (2, 3), with this number at a place.
at::Tensor planted(std::int64_t at, double number) {
  at::Tensor t = at::ones({2, 3});
  t.view(-1)[at] = number;
  return t;
}

}  // namespace

TEST_CASE("the largest difference of tensors") {
  CHECK(largest_difference(planted(1, 3.5), planted(4, 2)) == 2.5);
  CHECK(largest_difference(planted(1, 3), planted(1, 3).to(at::kHalf)) == 0);
  CHECK(largest_difference(at::zeros({2}, at::kBool), at::ones({2}, at::kBool)) == 1);
}

TEST_CASE("a NaN anywhere in a tensor is close to nothing") {
  const at::Tensor good = at::ones({2, 3});
  for (std::int64_t at = 0; at < good.numel(); ++at) {
    const at::Tensor bad = planted(at, kNan), huge = planted(at, kInfinity);
    for (const auto& [a, b] : {std::pair(bad, good), std::pair(good, bad), std::pair(bad, bad)}) {
      CHECK_FALSE(largest_difference(a, b) < 1);
      CHECK_FALSE(all_close(a, b, 1, 1));
      CHECK_FALSE(largest_difference({a, good}, {b, good}) < 1);
      CHECK_FALSE(largest_difference({good, a}, {good, b}) < 1);
    }
    CHECK_FALSE(largest_difference(huge, good) < 1e300);
    CHECK_FALSE(largest_difference(good, huge) < 1e300);
    CHECK_FALSE(all_close(huge, good, 1, 1));
    CHECK(largest_difference(huge, huge) == 0);
  }
}

TEST_CASE("tensors of different shapes, none at all and none of a gradient cannot be compared") {
  const at::Tensor row = at::ones({3}), all = at::ones({2, 3});
  CHECK(std::isnan(largest_difference(row, all)));
  CHECK(std::isnan(largest_difference(all, at::ones({}))));
  CHECK(std::isnan(largest_difference(at::ones({0}), at::ones({0}))));
  CHECK(std::isnan(largest_difference(at::Tensor(), all)));
  CHECK_FALSE(all_close(row, all, 1, 1));
  CHECK_FALSE(all_close(all, at::Tensor(), 1, 1));
  CHECK(all_close(all, all.to(at::kDouble) * 1.01, 0.1, 0));
  CHECK_FALSE(all_close(all, all * 1.2, 0.1, 0));
  CHECK(std::isnan(largest_difference(std::vector<at::Tensor>{}, {})));
  CHECK(std::isnan(largest_difference({row}, {row, row})));
}
