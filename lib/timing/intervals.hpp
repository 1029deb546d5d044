// Sets of half-open time intervals and their lengths: the arithmetic behind total, overlapped and exposed
// communication. Pure.
#pragma once

#include <vector>

namespace lockstep {

struct Interval {
  double begin = 0;  // seconds
  double end = 0;    // seconds, end >= begin
};

// A union of intervals: sorted, disjoint, none empty.
class IntervalSet {
 public:
  IntervalSet() = default;
  // Any order, overlaps allowed; empty and reversed intervals are dropped.
  explicit IntervalSet(std::vector<Interval> intervals);

  double length() const;  // of the union, seconds
  IntervalSet intersected(const IntervalSet& other) const;
  IntervalSet minus(const IntervalSet& other) const;
  IntervalSet clipped(double begin, double end) const;
  const std::vector<Interval>& intervals() const { return intervals_; }

 private:
  std::vector<Interval> intervals_;
};

}  // namespace lockstep
