// Where a value lies along an axis, and which values are labelled. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "analysis/plot/figure.hpp"

namespace lockstep {

// low < high; both above 0 where it is logarithmic.
struct AxisScale {
  double low = 0, high = 1;
  bool logarithmic = false;
  double place(double value) const;  // 0 at low, 1 at high; beyond them outside of that
};

struct AxisScales {
  AxisScale x, y;
};
// They hold everything that the panel draws, intervals too: a bound of an axis that would cut something off
// gives way. Without a bound there is some room beside the outermost values.
AxisScales scales_of(const Panel& panel);

// The axis with the bounds of the scale where it had any that would cut something off.
Axis uncut(Axis axis, const AxisScale& scale);

// The axis' own tics that lie within the scale; else about `most` round numbers, with their texts.
std::vector<std::pair<double, std::string>> tics_of(const Axis& axis, const AxisScale& scale, int most);

}  // namespace lockstep
