#include "analysis/render/figure_csv.hpp"

#include <cmath>
#include <sstream>

#include "analysis/render/long_table.hpp"

namespace lockstep {

namespace {

// The name that stands beside a value, or less than `reach` from it.
std::string tic_at(const Axis& axis, double value, double reach) {
  for (const auto& [at, text] : axis.tics)
    if (std::abs(at - value) < reach) return text;
  return "";
}

void add_rows(LongTable& out, const Panel& panel) {
  for (const Curve& curve : panel.curves)
    for (const CurvePoint& p : curve.points)
      out.row({panel.title, curve.name, tic_at(panel.x, p.x, 1e-9), p.x, p.y,
               p.interval ? p.interval->low : double{NAN}, p.interval ? p.interval->high : double{NAN}});
  for (const BoxSet& set : panel.boxes) {
    for (const Box& box : set.boxes) {
      const double middle = (box.bottom + box.top) / 2;
      out.row({panel.title, set.name, tic_at(panel.y, middle, 0.5), box.right - box.left, middle, box.left,
               box.right});
    }
  }
  for (const Whisker& w : panel.whiskers)
    out.row({panel.title, "95 % interval", tic_at(panel.y, w.y, 0.5), double{NAN}, w.y, w.low, w.high});
}

}  // namespace

std::string figure_csv(const Figure& figure) {
  std::ostringstream text;
  LongTable out(text, LongFormat::csv, {"panel", "series", "label", "x", "y", "low", "high"});
  for (const Panel& panel : figure.panels) add_rows(out, panel);
  out.finish();
  return text.str();
}

}  // namespace lockstep
