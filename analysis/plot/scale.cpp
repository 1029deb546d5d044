#include "analysis/plot/scale.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace lockstep {

namespace {

constexpr double kRoom = 0.04, kLogRoom = 1.2;

// The values that are drawn along one axis.
struct Extent {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool logarithmic = false;
  void add(double value) {
    if (!std::isfinite(value) || (logarithmic && value <= 0)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

struct Extents {
  Extent x, y;
};

void add_curves(Extents& e, const Panel& panel) {
  for (const Curve& curve : panel.curves) {
    for (const CurvePoint& p : curve.points) {
      if (!std::isfinite(p.x) || !std::isfinite(p.y)) continue;
      e.x.add(p.x);
      e.y.add(p.y);
      if (!p.interval) continue;
      e.y.add(p.interval->low);
      e.y.add(p.interval->high);
    }
  }
}

Extents extents_of(const Panel& panel) {
  Extents e;
  e.x.logarithmic = panel.x.logarithmic;
  e.y.logarithmic = panel.y.logarithmic;
  add_curves(e, panel);
  for (const BoxSet& set : panel.boxes) {
    for (const Box& box : set.boxes) {
      for (const double x : {box.left, box.right}) e.x.add(x);
      for (const double y : {box.bottom, box.top}) e.y.add(y);
    }
  }
  for (const Whisker& w : panel.whiskers) {
    e.x.add(w.low);
    e.x.add(w.high);
  }
  return e;
}

double beyond(double edge, double span, bool logarithmic, int direction) {
  if (logarithmic) return direction < 0 ? edge / kLogRoom : edge * kLogRoom;
  return edge + direction * kRoom * span;
}

AxisScale scale_of(const Axis& axis, const Extent& extent) {
  AxisScale scale{0, 1, axis.logarithmic};
  if (axis.logarithmic) scale = {1, 10, true};
  if (extent.empty()) return {axis.low.value_or(scale.low), axis.high.value_or(scale.high), axis.logarithmic};
  const double span =
      extent.high > extent.low ? extent.high - extent.low : std::max(std::abs(extent.high), 1.0);
  const auto bound = [&](const std::optional<double>& given, double edge, int direction) {
    const bool holds = given && direction * (*given - edge) >= 0;
    return holds ? *given : beyond(edge, span, axis.logarithmic, direction);
  };
  scale.low = bound(axis.low, extent.low, -1);
  scale.high = bound(axis.high, extent.high, 1);
  if (!(scale.low < scale.high)) scale.high = axis.logarithmic ? 10 * scale.low : scale.low + 1;
  return scale;
}

// 1, 2 or 5 times a power of ten, so that there are about `most` steps.
double round_step(double span, int most) {
  const double raw = span / std::max(most, 1), power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw * 0.999) return factor * power;
  return 10 * power;
}

// "1k", "25M": what gnuplot's %.0s%c writes. Other formats are plain.
std::string tic_text(double value, const std::string& format) {
  if (format.find("%c") == std::string::npos)
    return fmt::format("{:g}", std::abs(value) < 1e-12 ? 0.0 : value);
  constexpr const char* kPrefixes[] = {"", "k", "M", "G", "T"};
  std::size_t power = 0;
  for (; power < 4 && value >= 999.5; ++power) value /= 1000;
  return fmt::format("{:g}{}", value, kPrefixes[power]);
}

using Tics = std::vector<std::pair<double, std::string>>;

Tics powers(const Axis& axis, const AxisScale& scale, int most) {
  Tics tics;
  const double decades = std::log10(scale.high / scale.low);
  const int stride = std::max(1, static_cast<int>(std::ceil(decades / std::max(most, 1))));
  for (int e = static_cast<int>(std::ceil(std::log10(scale.low) - 1e-9));
       std::pow(10, e) <= scale.high * 1.000001; e += stride)
    for (const double factor : {1.0, 2.0, 5.0})
      if (const double at = factor * std::pow(10, e); (factor == 1.0 || decades < 2) && at <= scale.high)
        tics.emplace_back(at, tic_text(at, axis.format));
  return tics;
}

}  // namespace

double AxisScale::place(double value) const {
  if (logarithmic) return std::log(value / low) / std::log(high / low);
  return (value - low) / (high - low);
}

AxisScales scales_of(const Panel& panel) {
  const Extents e = extents_of(panel);
  return {scale_of(panel.x, e.x), scale_of(panel.y, e.y)};
}

Axis uncut(Axis axis, const AxisScale& scale) {
  if (axis.low) axis.low = std::min(*axis.low, scale.low);
  if (axis.high) axis.high = std::max(*axis.high, scale.high);
  return axis;
}

Tics tics_of(const Axis& axis, const AxisScale& scale, int most) {
  if (!axis.tics.empty()) {
    Tics within = axis.tics;
    std::erase_if(within, [&](const auto& tic) { return tic.first < scale.low || tic.first > scale.high; });
    return within;
  }
  if (scale.logarithmic) return powers(axis, scale, most);
  Tics tics;
  const double step = round_step(scale.high - scale.low, most);
  for (double at = std::ceil(scale.low / step - 1e-9) * step; at <= scale.high + 1e-9 * step; at += step)
    tics.emplace_back(at, tic_text(at, axis.format));
  return tics;
}

}  // namespace lockstep
