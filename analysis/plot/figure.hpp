// A figure as data: panels of curves, rectangles, arrows and texts. render/svg.cpp draws it for the page,
// render/gnuplot_script.cpp for papers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/metrics/statistics.hpp"

namespace lockstep {

using Colour = std::uint32_t;  // 0xRRGGBB
// Stands for the colour of the text: black on paper, light on a dark page.
inline constexpr Colour kForeground = 0x010203;
// Stands for the colour of the page.
inline constexpr Colour kBackground = 0xfdfcfb;

// Okabe and Ito's palette, told apart by every kind of colour vision; the ones that print well first.
inline constexpr Colour kBlue = 0x0072b2, kVermillion = 0xd55e00, kGreen = 0x009e73, kPurple = 0xcc79a7,
                        kOrange = 0xe69f00, kSky = 0x56b4e9, kYellow = 0xf0e442, kGrey = 0x999999,
                        kDarkGrey = 0x555555, kLightGrey = 0xcccccc;
Colour series_colour(std::size_t series);

struct CurvePoint {
  double x = 0, y = 0;
  std::optional<Estimate::Bounds> interval = {};  // of y
  std::string of = {};  // the group, where it is not the one that the curve is named after
};

struct Curve {
  std::string name;        // in the key; empty: not there
  std::size_t series = 0;  // its colour, marker and dashes
  std::vector<CurvePoint> points = {};
  enum class Style { line, line_with_points, points, ideal } style = Style::line_with_points;
};

struct Box {
  double left = 0, right = 0, bottom = 0, top = 0;
  std::string about = {};  // beside the set's name, for whoever points at it
};

struct BoxSet {
  std::string name;  // in the key; empty: not there
  Colour colour = kBlue;
  std::vector<Box> boxes = {};
};

// The interval of a horizontal bar.
struct Whisker {
  double y = 0, low = 0, high = 0;
};

struct Arrow {
  double from_x = 0, from_y = 0, to_x = 0, to_y = 0;
  std::string about = {};
};

struct Words {
  double x = 0, y = 0;
  std::string text;
  enum class Place { right_of, centred } place = Place::right_of;
  Colour colour = kForeground;
};

struct Axis {
  std::string label = {};
  bool logarithmic = false;
  std::optional<double> low = {}, high = {};
  std::vector<std::pair<double, std::string>> tics = {};  // empty: numbers, where gnuplot puts them
  bool hidden = false;
  std::string format = "%g";  // of numbers, as gnuplot's
  std::string unit = {};      // of a length along it: "ms"
};

struct Panel {
  std::string title = {};
  Axis x = {}, y = {};
  std::vector<BoxSet> boxes = {};
  std::vector<Curve> curves = {};
  std::vector<Whisker> whiskers = {};
  std::vector<Arrow> arrows = {};
  std::vector<Words> words = {};
  bool empty() const;  // nothing would be drawn between its axes
};

struct Figure {
  std::vector<Panel> panels = {};  // row by row
  int columns = 1;
  int width = 640, height = 400;  // of the whole figure, in points of an SVG
  // what a reader must know about these data, in addition to the picture's caption
  std::string note = {};
  bool zoomable = false;  // along x, on the page
  bool empty() const;     // so are all of its panels
};

}  // namespace lockstep
