// The marks within the axes of a panel, each shape with its value as a tooltip.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/quantities/numbers.hpp"
#include "analysis/render/escape.hpp"
#include "analysis/render/svg_paint.hpp"

namespace lockstep {

namespace {

constexpr std::array<const char*, 4> kDashes = {"", "8 4", "2 3", "9 3 2 3"};
constexpr double kMarker = 3.4, kCap = 3, kThinnest = 0.4;  // points
constexpr std::size_t kNameColumns = 80;

std::string dashes_of(const Curve& curve) {
  const std::string dashes =
      curve.style == Curve::Style::ideal ? "5 4" : kDashes[curve.series % kDashes.size()];
  return dashes.empty() ? "" : fmt::format(" stroke-dasharray=\"{}\"", dashes);
}

Colour colour_of(const Curve& curve) {
  return curve.style == Curve::Style::ideal ? kGrey : series_colour(curve.series);
}

// Circle, square, triangle and diamond around a point, filled or hollow.
std::string marker_at(double x, double y, std::size_t series, const std::string& colour) {
  constexpr std::array<const char*, 4> kShapes = {"", "M-3-3H3V3H-3Z", "M0-4L3.7 3H-3.7Z",
                                                  "M0-4.2L3.6 0L0 4.2L-3.6 0Z"};
  const std::string fill = series % 8 < 4 ? colour : "none";
  const std::string look = fmt::format("fill=\"{}\" stroke=\"{}\"", fill, colour);
  const std::size_t shape = series % kShapes.size();
  if (shape == 0)
    return fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\" {}/>", svg_number(x), svg_number(y), kMarker,
                       look);
  return fmt::format("<path d=\"{}\" transform=\"translate({} {})\" {}/>", kShapes[shape], svg_number(x),
                     svg_number(y), look);
}

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines)
    if (!line.empty()) out += (out.empty() ? "" : "\n") + one_line(line, kNameColumns);
  return out;
}

// "ranks 2": what is written beside the value on the axis, or the number.
std::string on_axis(const Axis& axis, double value) {
  for (const auto& [at, text] : axis.tics)
    if (std::abs(at - value) < 1e-9) return axis.label + " " + text;
  return axis.label + " " + number(value);
}

std::string lane_of(const Axis& axis, double value) {
  for (const auto& [at, text] : axis.tics)
    if (std::abs(at - value) < 0.5) return text;
  return "";
}

std::string about_point(const Panel& panel, const Curve& curve, const CurvePoint& p) {
  return joined_lines({p.of.empty() ? curve.name : p.of, on_axis(panel.x, p.x),
                       panel.y.label + " " + with_interval(Estimate{p.y, p.interval, {}})});
}

std::string about_box(const Panel& panel, const BoxSet& set, const Box& box) {
  if (set.name.empty()) return one_line(box.about, kNameColumns);
  const std::string& unit = panel.x.unit;
  std::string length = fmt::format("{}: {} {}", set.name, number(box.right - box.left), unit);
  if (box.left > 0) length += fmt::format(", from {} to {}", number(box.left), number(box.right));
  return joined_lines({lane_of(panel.y, (box.bottom + box.top) / 2), length, box.about});
}

class Marks {
 public:
  Marks(const Panel& panel, const SvgFrame& frame, const SvgPaint& paint, const SeriesNumbers& series)
      : panel_(panel), frame_(frame), paint_(paint), series_(series) {}

  std::string all() {
    for (const BoxSet& set : panel_.boxes) add(set);
    for (std::size_t i = 0; i < panel_.curves.size(); ++i) add(panel_.curves[i], shift_of(i));
    for (const Whisker& whisker : panel_.whiskers) add(whisker);
    for (const Arrow& arrow : panel_.arrows) add(arrow);
    for (const Words& words : panel_.words) add(words);
    return std::move(out_);
  }

 private:
  std::string series_attribute(const std::string& name) const {
    const auto known = series_.find(name);
    return paint_.in_page && known != series_.end() ? fmt::format(" data-s=\"{}\"", known->second) : "";
  }

  // Curves with intervals at the same places are drawn side by side, so that the intervals do not cover each
  // other; in points. By at most a sixth of the way to the next place, so that none is read at another.
  double shift_of(std::size_t curve) const {
    const auto has_intervals = [](const Curve& c) {
      return std::any_of(c.points.begin(), c.points.end(),
                         [](const CurvePoint& p) { return p.interval.has_value(); });
    };
    if (!has_intervals(panel_.curves[curve]) || panel_.x.tics.size() < 2) return 0;
    const auto before = std::count_if(
        panel_.curves.begin(), panel_.curves.begin() + static_cast<std::ptrdiff_t>(curve), has_intervals);
    constexpr double kBeside = 1.0 / 3;
    double nearest = frame_.width;
    for (std::size_t i = 1; i < panel_.x.tics.size(); ++i)
      nearest = std::min(nearest,
                         std::abs(frame_.x(panel_.x.tics[i].first) - frame_.x(panel_.x.tics[i - 1].first)));
    const auto count =
        static_cast<double>(std::count_if(panel_.curves.begin(), panel_.curves.end(), has_intervals));
    const double apart = std::min(8.0, kBeside * nearest / count);
    return apart * (static_cast<double>(before) - (count - 1) / 2);
  }

  void add(const BoxSet& set) {
    if (set.boxes.empty()) return;
    out_ += fmt::format("<g{} fill=\"{}\">", series_attribute(set.name), paint_.colour(set.colour));
    for (const Box& box : set.boxes) {
      const double left = frame_.x(box.left), top = frame_.y(box.top);
      out_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}>{}</rect>", svg_number(left),
                          svg_number(top), svg_number(std::max(kThinnest, frame_.x(box.right) - left)),
                          svg_number(std::max(kThinnest, frame_.y(box.bottom) - top)),
                          paint_.group_attribute(lane_of(panel_.y, (box.bottom + box.top) / 2)),
                          svg_title(paint_, about_box(panel_, set, box)));
    }
    out_ += "</g>\n";
  }

  void add(const Curve& curve, double shift) {
    std::string line;
    for (const CurvePoint& p : curve.points)
      if (std::isfinite(p.x) && std::isfinite(p.y))
        line += fmt::format("{}{},{}", line.empty() ? "" : " ", svg_number(frame_.x(p.x) + shift),
                            svg_number(frame_.y(p.y)));
    if (line.empty()) return;
    const std::string colour = paint_.colour(colour_of(curve));
    out_ += fmt::format("<g{} stroke=\"{}\">", series_attribute(curve.name), colour);
    if (curve.style != Curve::Style::points)
      out_ += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke-width=\"{}\"{}{}/>", line,
                          curve.style == Curve::Style::ideal ? 1 : 1.8, dashes_of(curve), hover_of(curve));
    if (curve.style == Curve::Style::line_with_points || curve.style == Curve::Style::points)
      for (const CurvePoint& p : curve.points) add(curve, p, colour, shift);
    out_ += "</g>\n";
  }

  // A line has too many points for a title each: the script reads them from the line.
  std::string hover_of(const Curve& curve) const {
    if (!paint_.in_page || curve.style != Curve::Style::line) return "";
    return fmt::format(" data-line=\"{}\"{}", svg_text(curve.name, kNameColumns),
                       paint_.group_attribute(curve.name));
  }

  void add(const Curve& curve, const CurvePoint& p, const std::string& colour, double shift) {
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) return;
    const double x = frame_.x(p.x) + shift, y = frame_.y(p.y);
    out_ += fmt::format("<g{}>{}", paint_.group_attribute(p.of.empty() ? curve.name : p.of),
                        svg_title(paint_, about_point(panel_, curve, p)));
    if (p.interval) {
      const double low = frame_.y(p.interval->low), high = frame_.y(p.interval->high);
      out_ += fmt::format(
          "<path d=\"M{0} {2}H{1}M{3} {2}V{4}M{0} {4}H{1}\" fill=\"none\" stroke-width=\"1.3\"/>",
          svg_number(x - kCap), svg_number(x + kCap), svg_number(low), svg_number(x), svg_number(high));
    }
    out_ += marker_at(x, y, curve.series, colour) + "</g>";
  }

  void add(const Whisker& w) {
    const double low = frame_.x(w.low), high = frame_.x(w.high), y = frame_.y(w.y);
    out_ += fmt::format(
        "<path d=\"M{0} {2}V{3}M{0} {4}H{1}M{1} {2}V{3}\" fill=\"none\" stroke=\"{5}\" stroke-width=\"1.3\"{7}>{6}</path>\n",
        svg_number(low), svg_number(high), svg_number(y - kCap), svg_number(y + kCap), svg_number(y),
        paint_.colour(kForeground),
        svg_title(paint_, joined_lines(
                              {lane_of(panel_.y, w.y), fmt::format("95 % interval {} to {} {}", number(w.low),
                                                                   number(w.high), panel_.x.unit)})),
        paint_.group_attribute(lane_of(panel_.y, w.y)));
  }

  void add(const Arrow& a) {
    const double x1 = frame_.x(a.from_x), y1 = frame_.y(a.from_y), x2 = frame_.x(a.to_x),
                 y2 = frame_.y(a.to_y);
    const double degrees = std::atan2(y2 - y1, x2 - x1) * 180 / 3.14159265358979;
    out_ += fmt::format(
        "<g class=\"arrow\" stroke=\"{0}\" fill=\"{0}\">{6}<line x1=\"{1}\" y1=\"{2}\" x2=\"{3}\" y2=\"{4}\"/>"
        "<path d=\"M0 0L-6 2.5V-2.5Z\" stroke=\"none\" transform=\"translate({3} {4}) rotate({5:.0f})\"/></g>\n",
        paint_.colour(kForeground), svg_number(x1), svg_number(y1), svg_number(x2), svg_number(y2), degrees,
        svg_title(paint_, one_line(a.about, kNameColumns)));
  }

  void add(const Words& w) {
    const bool centred = w.place == Words::Place::centred;
    out_ += fmt::format(
        "<text x=\"{}\" y=\"{}\" fill=\"{}\"{}>{}</text>\n", svg_number(frame_.x(w.x) + (centred ? 0 : 5)),
        svg_number(frame_.y(w.y) + 4), paint_.colour(w.colour),
        centred ? " text-anchor=\"middle\" pointer-events=\"none\"" : "", svg_text(w.text, kNameColumns));
  }

  const Panel& panel_;
  const SvgFrame& frame_;
  const SvgPaint& paint_;
  const SeriesNumbers& series_;
  std::string out_;
};

}  // namespace

std::string svg_marks(const Panel& panel, const SvgFrame& frame, const SvgPaint& paint,
                      const SeriesNumbers& series) {
  return Marks(panel, frame, paint, series).all();
}

std::string svg_key_sign(const Curve& curve, const SvgPaint& paint) {
  const std::string colour = paint.colour(colour_of(curve));
  std::string out;
  if (curve.style != Curve::Style::points)
    out = fmt::format("<path d=\"M0 0H22\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\"{}/>", colour,
                      dashes_of(curve));
  if (curve.style == Curve::Style::line_with_points || curve.style == Curve::Style::points)
    out += marker_at(11, 0, curve.series, colour);
  return out;
}

std::string svg_key_sign(const BoxSet& set, const SvgPaint& paint) {
  return fmt::format("<rect x=\"8\" y=\"-6\" width=\"12\" height=\"12\" fill=\"{}\"/>",
                     paint.colour(set.colour));
}

}  // namespace lockstep
