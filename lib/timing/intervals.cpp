#include "timing/intervals.hpp"

#include <algorithm>

namespace lockstep {

IntervalSet::IntervalSet(std::vector<Interval> intervals) {
  std::erase_if(intervals, [](const Interval& i) { return !(i.end > i.begin); });
  std::sort(intervals.begin(), intervals.end(),
            [](const Interval& a, const Interval& b) { return a.begin < b.begin; });
  for (const Interval& next : intervals) {
    if (!intervals_.empty() && next.begin <= intervals_.back().end)
      intervals_.back().end = std::max(intervals_.back().end, next.end);
    else
      intervals_.push_back(next);
  }
}

double IntervalSet::length() const {
  double sum = 0;
  for (const Interval& i : intervals_) sum += i.end - i.begin;
  return sum;
}

IntervalSet IntervalSet::intersected(const IntervalSet& other) const {
  IntervalSet result;
  auto a = intervals_.begin();
  auto b = other.intervals_.begin();
  while (a != intervals_.end() && b != other.intervals_.end()) {
    const Interval common{std::max(a->begin, b->begin), std::min(a->end, b->end)};
    if (common.end > common.begin) result.intervals_.push_back(common);
    (a->end < b->end) ? ++a : ++b;
  }
  return result;
}

IntervalSet IntervalSet::minus(const IntervalSet& other) const {
  IntervalSet result;
  auto hole = other.intervals_.begin();
  for (Interval rest : intervals_) {
    while (hole != other.intervals_.end() && hole->end <= rest.begin) ++hole;
    for (auto h = hole; h != other.intervals_.end() && h->begin < rest.end; ++h) {
      if (h->begin > rest.begin) result.intervals_.push_back({rest.begin, h->begin});
      rest.begin = std::max(rest.begin, h->end);
    }
    if (rest.end > rest.begin) result.intervals_.push_back(rest);
  }
  return result;
}

IntervalSet IntervalSet::clipped(double begin, double end) const {
  return intersected(IntervalSet({{begin, end}}));
}

}  // namespace lockstep
