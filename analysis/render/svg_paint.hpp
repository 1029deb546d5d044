// What the parts of an SVG share: colours, numbers, texts, and where a value lies.
#pragma once

#include <map>
#include <string>

#include "analysis/plot/scale.hpp"
#include "analysis/render/svg.hpp"

namespace lockstep {

// Colours in the page are CSS variables, in a file those of a theme.
struct SvgPaint {
  bool in_page = false;
  Theme theme = Theme::light;
  const GroupNumbers* groups = nullptr;

  std::string colour(Colour colour) const;
  // ` data-g="3"` for a group that the page knows; else nothing.
  std::string group_attribute(const std::string& label) const;
};

// Points: the width of a letter, in the widest of the usual fonts (DejaVu Sans), lest texts run into each other;
// the height of a line.
inline constexpr double kSvgLetter = 7.5, kSvgLine = 18;

// At most `columns` letters, escaped.
std::string svg_text(const std::string& text, std::size_t columns);
double svg_text_width(const std::string& text, std::size_t columns);
// Tenths of a point, without a trailing ".0".
std::string svg_number(double points);
// <title> with these lines; nothing without any, or in a file.
std::string svg_title(const SvgPaint& paint, const std::string& text);

// The rectangle of a panel in which its values lie, in points from its own left upper corner.
struct SvgFrame {
  double left = 0, top = 0, width = 0, height = 0;
  AxisScales scales = {};
  double x(double value) const { return width * scales.x.place(value); }
  double y(double value) const { return height * (1 - scales.y.place(value)); }
};

// Number of a series among all of the figure: equal names are one.
using SeriesNumbers = std::map<std::string, std::size_t>;

// Curves, boxes, whiskers, arrows and words of a panel.
std::string svg_marks(const Panel& panel, const SvgFrame& frame, const SvgPaint& paint,
                      const SeriesNumbers& series);
// A line with a marker, or a filled square, as it stands in the key, from 0 to 22 points.
std::string svg_key_sign(const Curve& curve, const SvgPaint& paint);
std::string svg_key_sign(const BoxSet& set, const SvgPaint& paint);

}  // namespace lockstep
