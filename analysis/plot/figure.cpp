#include "analysis/plot/figure.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace lockstep {

bool Panel::empty() const {
  const auto has_points = [](const Curve& curve) {
    return std::any_of(curve.points.begin(), curve.points.end(),
                       [](const CurvePoint& p) { return std::isfinite(p.x) && std::isfinite(p.y); });
  };
  return words.empty() && std::none_of(curves.begin(), curves.end(), has_points) &&
         std::all_of(boxes.begin(), boxes.end(), [](const BoxSet& set) { return set.boxes.empty(); });
}

bool Figure::empty() const {
  return std::all_of(panels.begin(), panels.end(), [](const Panel& panel) { return panel.empty(); });
}

Colour series_colour(std::size_t series) {
  constexpr std::array kColours = {kBlue, kVermillion, kGreen, kPurple, kOrange, kSky, kForeground, kYellow};
  return kColours[series % kColours.size()];
}

}  // namespace lockstep
