#include "analysis/render/gnuplot_script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/plot/scale.hpp"
#include "analysis/render/escape.hpp"
#include "analysis/tables/table.hpp"

namespace lockstep {

namespace {

constexpr Colour kLightPage = 0xffffff, kLightText = 0x000000, kDarkPage = 0x14171a, kDarkText = 0xe6e6e6;
constexpr std::array kMarkers = {7, 5, 9, 13, 11, 6, 4, 8};
constexpr std::array<const char*, 4> kDashes = {"solid", "(12,5)", "(3,4)", "(14,4,3,4)"};

std::string rgb(Colour colour) { return fmt::format("rgb '#{:06x}'", colour); }

struct Colours {
  Colour page, text;
  std::string of(Colour colour) const {
    if (colour == kForeground) return rgb(text);
    return rgb(colour == kBackground ? page : colour);
  }
};

std::string axis_commands(const Axis& axis, const char* name, const Colours& colours) {
  std::string out =
      fmt::format("set {}label {} tc {}\n", name, gnuplot_quoted(axis.label), colours.of(kForeground));
  out += fmt::format("{} logscale {}\n", axis.logarithmic ? "set" : "unset", name);
  const auto bound = [](const std::optional<double>& v) { return v ? fmt::format("{:.9g}", *v) : "*"; };
  out += fmt::format("set {}range [{}:{}]\n", name, bound(axis.low), bound(axis.high));
  if (axis.hidden) return out + fmt::format("unset {}tics\n", name);
  out += fmt::format("set {}tics autofreq nomirror tc {}\n", name, colours.of(kForeground));
  out += fmt::format("set format {} {}\n", name, gnuplot_quoted(axis.format));
  if (axis.tics.empty()) return out;
  std::string list;
  for (const auto& [at, text] : axis.tics)
    list += fmt::format("{}{} {:.9g}", list.empty() ? "" : ", ", gnuplot_tic(text), at);
  return out + fmt::format("set {}tics ({})\n", name, list);
}

// A block of numbers and the parts of the plot command that draw it.
struct Drawing {
  std::string blocks;
  std::vector<std::string> parts;
  std::string add_block(const std::string& rows) {
    std::string name = fmt::format("$d{}", parts.size());
    blocks += fmt::format("{} << END\n{}END\n", name, rows);
    return name;
  }
};

std::string title_of(const std::string& name) {
  return name.empty() ? "notitle" : "title " + gnuplot_quoted(name);
}

void draw(Drawing& drawing, const BoxSet& set, const Colours& colours) {
  std::string rows;
  for (const Box& b : set.boxes)
    rows += fmt::format("{:.9g} {:.9g} {:.9g} {:.9g} {:.9g} {:.9g}\n", (b.left + b.right) / 2,
                        (b.bottom + b.top) / 2, b.left, b.right, b.bottom, b.top);
  const std::string block = drawing.add_block(rows);
  drawing.parts.push_back(
      fmt::format("{} using 1:2:3:4:5:6 with boxxyerror fs solid 1.0 border fc {} lw 0.5 {}", block,
                  colours.of(set.colour), title_of(set.name)));
}

std::string rows_of(const Curve& curve) {
  std::string rows;
  for (const CurvePoint& p : curve.points) {
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) continue;
    const Estimate::Bounds bounds = p.interval.value_or(Estimate::Bounds{p.y, p.y});
    rows += fmt::format("{:.9g} {:.9g} {:.9g} {:.9g}\n", p.x, p.y, bounds.low, bounds.high);
  }
  return rows;
}

std::string style_of(const Curve& curve, const Colours& colours) {
  if (curve.style == Curve::Style::ideal) return fmt::format("with lines lc {} dt (6,4) lw 1", rgb(kGrey));
  const std::string line = fmt::format("lc {} dt {} lw 1.8", colours.of(series_colour(curve.series)),
                                       kDashes[curve.series % kDashes.size()]);
  const std::string marker = fmt::format("pt {} ps 0.8", kMarkers[curve.series % kMarkers.size()]);
  switch (curve.style) {
    case Curve::Style::line:
      return "with lines " + line;
    case Curve::Style::points:
      return fmt::format("with points lc {} {}", colours.of(series_colour(curve.series)), marker);
    default:
      return fmt::format("with linespoints {} {}", line, marker);
  }
}

void draw(Drawing& drawing, const Curve& curve, const Colours& colours) {
  const std::string rows = rows_of(curve);
  if (rows.empty()) return;
  const std::string block = drawing.add_block(rows);
  const bool intervals = std::any_of(curve.points.begin(), curve.points.end(),
                                     [](const CurvePoint& p) { return p.interval.has_value(); });
  if (intervals)
    drawing.parts.push_back(fmt::format("{} using 1:2:3:4 with yerrorbars lc {} lw 1.2 pt 0 ps 0 notitle",
                                        block, colours.of(series_colour(curve.series))));
  drawing.parts.push_back(
      fmt::format("{} using 1:2 {} {}", block, style_of(curve, colours), title_of(curve.name)));
}

void draw(Drawing& drawing, const std::vector<Whisker>& whiskers, const Colours& colours) {
  if (whiskers.empty()) return;
  std::string rows;
  for (const Whisker& w : whiskers)
    rows += fmt::format("{:.9g} {:.9g} {:.9g} {:.9g}\n", (w.low + w.high) / 2, w.y, w.low, w.high);
  const std::string block = drawing.add_block(rows);
  drawing.parts.push_back(fmt::format("{} using 1:2:3:4 with xerrorbars lc {} lw 1.4 pt 0 notitle", block,
                                      colours.of(kForeground)));
}

std::string words_commands(const std::vector<Words>& words, const Colours& colours) {
  std::string out = "unset label\n";
  for (const Words& w : words)
    out +=
        fmt::format("set label {} at {:.9g},{:.9g} {} front tc {}\n", gnuplot_quoted(w.text), w.x, w.y,
                    w.place == Words::Place::centred ? "center" : "left offset 0.6,0", colours.of(w.colour));
  return out;
}

std::string arrows_commands(const std::vector<Arrow>& arrows, const Colours& colours) {
  std::string out = "unset arrow\n";
  for (const Arrow& a : arrows)
    out += fmt::format(
        "set arrow from {:.9g},{:.9g} to {:.9g},{:.9g} size screen 0.008,20 filled front lc {} lw 0.7\n",
        a.from_x, a.from_y, a.to_x, a.to_y, colours.of(kForeground));
  return out;
}

// gnuplot finds no range by itself where nothing is drawn.
Axis bounded(Axis axis) {
  axis.low = axis.low.value_or(0);
  axis.high = axis.high.value_or(1);
  return axis;
}

std::vector<std::string> key_names(const Panel& panel) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name, bool shown) {
    if (!name.empty() && shown) names.push_back(name);
  };
  for (const BoxSet& set : panel.boxes) add(set.name, !set.boxes.empty());
  for (const Curve& curve : panel.curves) add(curve.name, !curve.points.empty());
  return names;
}

// So many that the key does not reach over the panel's edge: gnuplot reckons with narrower letters than it draws.
int key_columns(const Figure& figure, const Panel& panel) {
  constexpr int kLetter = 8, kSign = 44, kAxis = 60;
  std::size_t widest = 1;
  for (const std::string& name : key_names(panel)) widest = std::max(widest, display_width(name));
  const int room = figure.width / figure.columns - kAxis;
  return std::max(1, room / (kLetter * static_cast<int>(widest) + kSign));
}

std::string panel_commands(const Figure& figure, const Panel& panel, const Colours& colours) {
  Drawing drawing;
  for (const BoxSet& set : panel.boxes)
    if (!set.boxes.empty()) draw(drawing, set, colours);
  for (const Curve& curve : panel.curves) draw(drawing, curve, colours);
  draw(drawing, panel.whiskers, colours);
  const bool nothing = drawing.parts.empty();
  if (nothing) drawing.parts.emplace_back("NaN notitle");
  std::string out = "set title " + gnuplot_quoted(panel.title) + " tc " + colours.of(kForeground) + "\n";
  out += fmt::format("set key maxcols {}\n", key_columns(figure, panel));
  const AxisScales scales = scales_of(panel);
  out += axis_commands(nothing ? bounded(panel.x) : uncut(panel.x, scales.x), "x", colours);
  out += axis_commands(nothing ? bounded(panel.y) : uncut(panel.y, scales.y), "y", colours);
  out += arrows_commands(panel.arrows, colours) + words_commands(panel.words, colours);
  out += panel.x.hidden && panel.y.hidden ? "unset border\n"
                                          : "set border 3 lc " + colours.of(kForeground) + "\n";
  out += panel.boxes.empty() ? "set grid lc rgb '#80808080' dt (1,3)\n" : "unset grid\n";
  out += drawing.blocks + "plot ";
  for (std::size_t i = 0; i < drawing.parts.size(); ++i) out += (i ? ", \\\n  " : "") + drawing.parts[i];
  return out + "\n";
}

std::string figure_commands(const Figure& figure, const Colours& colours) {
  std::string out =
      fmt::format("set key above left horizontal Left reverse samplen 2 tc {}\nset tics out scale 0.5\n",
                  colours.of(kForeground));
  const std::size_t panels = figure.panels.size();
  const int rows = static_cast<int>(panels + static_cast<std::size_t>(figure.columns) - 1) / figure.columns;
  if (panels > 1) out += fmt::format("set multiplot layout {},{}\n", rows, figure.columns);
  for (const Panel& panel : figure.panels) out += panel_commands(figure, panel, colours);
  return out + (panels > 1 ? "unset multiplot\n" : "") + "unset output\n";
}

// By how many points a key of several lines makes the picture taller, so that it takes nothing from the plot.
int room_for_key(const Figure& figure) {
  constexpr int kLine = 18;
  int lines = 1;
  for (const Panel& panel : figure.panels) {
    const int names = static_cast<int>(key_names(panel).size()), columns = key_columns(figure, panel);
    lines = std::max(lines, (names + columns - 1) / columns);
  }
  const int rows = (static_cast<int>(figure.panels.size()) + figure.columns - 1) / figure.columns;
  return kLine * (lines - 1) * rows;
}

}  // namespace

std::string gnuplot_script(const Figure& figure, const std::string& name, Theme theme) {
  const Colours colours =
      theme == Theme::light ? Colours{kLightPage, kLightText} : Colours{kDarkPage, kDarkText};
  const int height = figure.height + room_for_key(figure);
  const std::string commands = figure_commands(figure, colours);
  return fmt::format(
      "set encoding utf8\nset terminal pdfcairo size {0:.2f}in,{1:.2f}in noenhanced font 'sans,10' "
      "background {2}\nset output '{3}.pdf'\n{4}"
      "reset\nset terminal pngcairo size {5},{6} noenhanced font 'sans,11' fontscale 1.6 linewidth 1.6 "
      "pointscale 2 background {2}\nset output '{3}.png'\n{4}",
      figure.width / 90.0, height / 90.0, rgb(colours.page), name, commands, 2 * figure.width, 2 * height);
}

}  // namespace lockstep
