#include "timing/intervals.hpp"

#include <cmath>

#include "base/random.hpp"
#include "support/catch.hpp"

using namespace lockstep;

TEST_CASE("golden vector: total, overlapped and exposed communication") {
  const IntervalSet compute({{0, 10}, {12, 20}}), comm({{8, 14}, {13, 18}, {22, 25}});
  CHECK(comm.length() == Approx(13));  // not 14, the naive sum
  CHECK(comm.intersected(compute).length() == Approx(8));
  CHECK(comm.minus(compute).length() == Approx(5));
}

TEST_CASE("a set is sorted, disjoint and without empty intervals") {
  const IntervalSet set({{5, 6}, {1, 2}, {2, 3}, {7, 7}, {9, 8}});
  REQUIRE(set.intervals().size() == 2);
  CHECK(set.intervals()[0].begin == 1);
  CHECK(set.intervals()[0].end == 3);
  CHECK(IntervalSet().length() == 0);
  CHECK(set.clipped(2, 5.5).length() == Approx(1.5));
}

TEST_CASE("random sets: set arithmetic agrees with counting unit cells") {
  RandomStream random({11});
  for (int round = 0; round < 200; ++round) {
    std::vector<bool> in_a(64, false), in_b(64, false);
    const auto draw = [&](std::vector<bool>& cells) {
      std::vector<Interval> intervals;
      for (int i = 0; i < 6; ++i) {
        const auto begin = random.below(60), length = random.below(5);
        for (auto c = begin; c < begin + length; ++c) cells[c] = true;
        intervals.push_back({static_cast<double>(begin), static_cast<double>(begin + length)});
      }
      return IntervalSet(intervals);
    };
    const IntervalSet a = draw(in_a), b = draw(in_b);
    int both = 0, only_a = 0, count_a = 0;
    for (std::size_t c = 0; c < 64; ++c) {
      count_a += in_a[c];
      both += in_a[c] && in_b[c];
      only_a += in_a[c] && !in_b[c];
    }
    CHECK(a.length() == Approx(count_a));
    CHECK(a.intersected(b).length() == Approx(both));
    CHECK(a.minus(b).length() == Approx(only_a));
  }
}
