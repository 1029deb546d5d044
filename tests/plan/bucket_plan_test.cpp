#include "plan/bucket_plan.hpp"

#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {
constexpr double kMiBOfFloats = 1024.0 * 1024.0 / 4;  // elements in 1 MiB

std::vector<ParameterShape> shapes(std::initializer_list<std::int64_t> elements) {
  std::vector<ParameterShape> result;
  for (const std::int64_t n : elements) result.push_back({"p" + std::to_string(result.size()), n});
  return result;
}
}  // namespace

TEST_CASE("every parameter has one aligned slot and slots do not overlap") {
  const auto parameters = shapes({1, 15, 16, 17, 1000, 3});
  const BucketPlan plan = plan_buckets(parameters, reverse_order(6), {1.0, 25.0});
  REQUIRE(plan.buckets.size() == 1);
  std::int64_t end = 0;
  std::vector<int> seen(6, 0);
  for (const auto& slot : plan.buckets[0].slots) {
    CHECK(slot.offset % BucketPlan::kAlignment == 0);
    CHECK(slot.offset >= end);
    end = slot.offset + parameters[slot.parameter].elements;
    ++seen[slot.parameter];
  }
  CHECK(seen == std::vector<int>(6, 1));
  CHECK(plan.buckets[0].elements >= end);
  CHECK(plan.buckets[0].slots.front().parameter == 5);  // last parameter first
}

TEST_CASE("the first bucket is small, the others fill up, and no parameter is split") {
  const auto mib = static_cast<std::int64_t>(kMiBOfFloats);
  const auto parameters = shapes({mib, mib, mib, 10 * mib, mib, mib});
  const BucketPlan plan = plan_buckets(parameters, reverse_order(6), {1.0, 2.0});
  REQUIRE(plan.buckets.size() == 4);
  CHECK(plan.buckets[0].slots.size() == 1);  // p5: 1 MiB closes the first
  CHECK(plan.buckets[1].slots.size() == 2);  // p4 and p3: p3 alone exceeds the size
  CHECK(plan.buckets[2].slots.size() == 2);  // p2, p1
  CHECK(plan.buckets[3].slots.size() == 1);  // p0
  CHECK(plan.bucket_of == std::vector<std::size_t>{3, 2, 2, 1, 1, 0});
}

TEST_CASE("tiny bucket sizes give one bucket a parameter") {
  const BucketPlan plan = plan_buckets(shapes({5, 6, 7}), reverse_order(3), {1e-6, 1e-6});
  CHECK(plan.buckets.size() == 3);
}

TEST_CASE("a ready order that is not a permutation is refused") {
  const auto parameters = shapes({5, 6, 7});
  const BucketSizes sizes;
  CHECK_THROWS_AS(plan_buckets(parameters, std::vector<std::size_t>{0, 1}, sizes), Error);
  CHECK_THROWS_AS(plan_buckets(parameters, std::vector<std::size_t>{0, 1, 1}, sizes), Error);
  CHECK_THROWS_AS(plan_buckets(parameters, std::vector<std::size_t>{0, 1, 3}, sizes), Error);
}
