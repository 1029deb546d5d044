#include "analysis/render/figure_csv.hpp"

#include <fmt/format.h>

#include <cmath>

#include "analysis/render/escape.hpp"

namespace lockstep {

namespace {

std::string cell(double value) { return std::isfinite(value) ? fmt::format("{:.9g}", value) : ""; }

std::string row(const Panel& panel, const std::string& series, const std::string& label, double x, double y,
                double low, double high) {
  return fmt::format("{},{},{},{},{},{},{}\n", csv_field(panel.title), csv_field(series), csv_field(label),
                     cell(x), cell(y), cell(low), cell(high));
}

// The name that stands beside a value, or less than `reach` from it.
std::string tic_at(const Axis& axis, double value, double reach) {
  for (const auto& [at, text] : axis.tics)
    if (std::abs(at - value) < reach) return text;
  return "";
}

std::string rows_of(const Panel& panel) {
  std::string out;
  for (const Curve& curve : panel.curves)
    for (const CurvePoint& p : curve.points)
      out += row(panel, curve.name, tic_at(panel.x, p.x, 1e-9), p.x, p.y, p.interval ? p.interval->low : NAN,
                 p.interval ? p.interval->high : NAN);
  for (const BoxSet& set : panel.boxes) {
    for (const Box& box : set.boxes) {
      const double middle = (box.bottom + box.top) / 2;
      out += row(panel, set.name, tic_at(panel.y, middle, 0.5), box.right - box.left, middle, box.left,
                 box.right);
    }
  }
  for (const Whisker& w : panel.whiskers)
    out += row(panel, "95 % interval", tic_at(panel.y, w.y, 0.5), NAN, w.y, w.low, w.high);
  return out;
}

}  // namespace

std::string figure_csv(const Figure& figure) {
  std::string out = "panel,series,label,x,y,low,high\n";
  for (const Panel& panel : figure.panels) out += rows_of(panel);
  return out;
}

}  // namespace lockstep
