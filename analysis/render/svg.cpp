#include "analysis/render/svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/render/svg_paint.hpp"

namespace lockstep {

namespace {

constexpr double kGap = 8, kTic = 4;  // points
constexpr std::size_t kTicColumns = 34, kKeyColumns = 44, kLabelColumns = 90;
constexpr int kHeightBesidePlot = 90;  // of a panel's height, what is not the rectangle of values

bool has_axes(const Panel& panel) { return !panel.x.hidden || !panel.y.hidden; }

SeriesNumbers series_of(const Figure& figure) {
  SeriesNumbers series;
  const auto add = [&](const std::string& name) {
    if (!name.empty()) series.emplace(name, series.size());
  };
  for (const Panel& panel : figure.panels) {
    for (const BoxSet& set : panel.boxes) add(set.name);
    for (const Curve& curve : panel.curves) add(curve.name);
  }
  return series;
}

// The signs of a panel's series, in lines as wide as the panel.
struct Key {
  struct Entry {
    std::string name, sign;
    double x = 0;
    int line = 0;
  };
  std::vector<Entry> entries;
  int lines = 0;
};

Key key_of(const Panel& panel, double width, const SvgPaint& paint) {
  Key key;
  double x = 0;
  const auto add = [&](const std::string& name, const std::string& sign) {
    const double wide = 28 + svg_text_width(name, kKeyColumns) + 14;
    if (key.lines == 0 || x + wide > width) {
      x = 0;
      ++key.lines;
    }
    key.entries.push_back({name, sign, x, key.lines - 1});
    x += wide;
  };
  for (const BoxSet& set : panel.boxes)
    if (!set.name.empty() && !set.boxes.empty()) add(set.name, svg_key_sign(set, paint));
  for (const Curve& curve : panel.curves)
    if (!curve.name.empty() && !curve.points.empty()) add(curve.name, svg_key_sign(curve, paint));
  return key;
}

std::string drawn(const Key& key, const SvgPaint& paint, const SeriesNumbers& series) {
  std::string out;
  for (const Key::Entry& e : key.entries) {
    const std::string button =
        paint.in_page
            ? fmt::format(" class=\"key\" data-s=\"{}\" tabindex=\"0\" role=\"button\" aria-pressed=\"true\"",
                          series.at(e.name))
            : "";
    out += fmt::format("<g{} transform=\"translate({} {})\">{}<text x=\"27\" y=\"4\">{}</text></g>\n", button,
                       svg_number(e.x), svg_number(kSvgLine * (e.line + 0.6)), e.sign,
                       svg_text(e.name, kKeyColumns));
  }
  return out;
}

// Leaves out what would stand too near to the one before.
template <typename Place>
void thin(std::vector<std::pair<double, std::string>>& tics, Place place, bool along_x) {
  double last = -1e9;
  std::erase_if(tics, [&](const auto& tic) {
    const double half = along_x ? svg_text_width(tic.second, kTicColumns) / 2 + 3 : 6;
    const double at = place(tic.first);
    if (std::abs(at - last) < (along_x ? half : 2 * half) && last > -1e8) return true;
    last = along_x ? at + half : at;
    return false;
  });
}

std::string line(double x1, double y1, double x2, double y2, const std::string& look) {
  return fmt::format("<path d=\"M{} {}L{} {}\" {}/>", svg_number(x1), svg_number(y1), svg_number(x2),
                     svg_number(y2), look);
}

class PanelDrawing {
 public:
  PanelDrawing(const Panel& panel, double width, double plot_height, const SvgPaint& paint,
               const SeriesNumbers& series)
      : panel_(panel), paint_(paint), series_(series), key_(key_of(panel, width - kGap, paint)) {
    frame_.scales = scales_of(panel);
    frame_.height = plot_height;
    frame_.top = (panel.title.empty() ? 0 : kSvgLine + 4) + kSvgLine * key_.lines + kGap;
    y_tics_ = tics_of(panel.y, frame_.scales.y, std::max(2, static_cast<int>(plot_height / 40)));
    thin(
        y_tics_, [&](double v) { return frame_.y(v); }, false);
    double widest = 0;
    for (const auto& [at, text] : y_tics_) widest = std::max(widest, svg_text_width(text, kTicColumns));
    frame_.left = panel.y.hidden ? kGap : widest + kTic + kGap + (panel.y.label.empty() ? 0 : kSvgLine);
    frame_.width = std::max(40.0, width - frame_.left - 14);
    x_tics_ = tics_of(panel.x, frame_.scales.x, std::max(2, static_cast<int>(frame_.width / 75)));
    thin(
        x_tics_, [&](double v) { return frame_.x(v); }, true);
  }

  double height() const {
    return frame_.top + frame_.height +
           (panel_.x.hidden ? kGap : kSvgLine + kTic + (panel_.x.label.empty() ? 4 : kSvgLine + 2));
  }

  std::string svg() const {
    std::string out;
    if (!panel_.title.empty())
      out += fmt::format("<text x=\"{}\" y=\"13\" font-weight=\"600\">{}</text>\n", svg_number(frame_.left),
                         svg_text(panel_.title, kLabelColumns));
    const double key_top = panel_.title.empty() ? 0 : kSvgLine + 4;
    out += fmt::format("<g transform=\"translate(4 {})\">\n{}</g>\n", svg_number(key_top),
                       drawn(key_, paint_, series_));
    out +=
        fmt::format("<g transform=\"translate({} {})\">\n", svg_number(frame_.left), svg_number(frame_.top));
    if (has_axes(panel_)) out += axes();
    return out + plot() + "</g>\n";
  }

 private:
  std::string axes() const {
    const double w = frame_.width, h = frame_.height;
    const std::string ink = fmt::format("stroke=\"{}\" fill=\"none\"", paint_.colour(kForeground));
    const std::string grid =
        fmt::format("stroke=\"{}\" stroke-opacity=\".3\" stroke-dasharray=\"1 3\"", paint_.colour(kGrey));
    std::string out = "<g class=\"axis-y\">";
    for (const auto& [at, text] : y_tics_) {
      const double y = frame_.y(at);
      if (panel_.boxes.empty()) out += line(0, y, w, y, grid);
      out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", svg_number(-kTic - 3),
                         svg_number(y + 4), svg_text(text, kTicColumns));
    }
    out += "</g>\n<g class=\"axis-x\">";
    for (const auto& [at, text] : x_tics_) {
      const double x = frame_.x(at);
      out += line(x, h, x, h + kTic, ink) +
             fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>", svg_number(x),
                         svg_number(h + kSvgLine), svg_text(text, kTicColumns));
    }
    out += "</g>\n" + line(0, 0, 0, h, ink) + line(0, h, w, h, ink);
    return out + labels();
  }

  std::string labels() const {
    std::string out;
    if (!panel_.x.label.empty())
      out += fmt::format("<text class=\"axis-label\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                         svg_number(frame_.width / 2), svg_number(frame_.height + 2 * kSvgLine + 3),
                         svg_text(panel_.x.label, kLabelColumns));
    if (!panel_.y.label.empty())
      out += fmt::format("<text transform=\"translate({} {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
                         svg_number(14 - frame_.left), svg_number(frame_.height / 2),
                         svg_text(panel_.y.label, kLabelColumns));
    return out + "\n";
  }

  static std::string data_of(const AxisScale& scale) {
    return fmt::format("{:.9g} {:.9g} {}", scale.low, scale.high, scale.logarithmic ? 1 : 0);
  }

  // A viewport of its own, so that the script can cut off what it moves out of it.
  std::string plot() const {
    std::string data;
    if (paint_.in_page)
      data = fmt::format(" data-x=\"{}\" data-y=\"{}\" data-labels=\"{}\n{}\"", data_of(frame_.scales.x),
                         data_of(frame_.scales.y), svg_text(panel_.x.label, kLabelColumns),
                         svg_text(panel_.y.label, kLabelColumns));
    return fmt::format("<svg class=\"plot\" width=\"{}\" height=\"{}\" overflow=\"visible\"{}>\n{}</svg>\n",
                       svg_number(frame_.width), svg_number(frame_.height), data,
                       svg_marks(panel_, frame_, paint_, series_));
  }

  const Panel& panel_;
  const SvgPaint& paint_;
  const SeriesNumbers& series_;
  Key key_;
  SvgFrame frame_;
  std::vector<std::pair<double, std::string>> x_tics_, y_tics_;
};

struct Drawing {
  std::string content;
  double width = 0, height = 0;
};

Drawing drawing_of(const Figure& figure, const SvgPaint& paint) {
  const SeriesNumbers series = series_of(figure);
  const auto columns = static_cast<std::size_t>(std::max(1, figure.columns));
  const std::size_t rows = (figure.panels.size() + columns - 1) / columns;
  const double width = static_cast<double>(figure.width) / static_cast<double>(columns);
  const double plot =
      std::max(40.0, static_cast<double>(figure.height) / static_cast<double>(rows) - kHeightBesidePlot);
  Drawing drawing{"", static_cast<double>(figure.width), 0};
  for (std::size_t first = 0; first < figure.panels.size(); first += columns) {
    double tallest = 0;
    for (std::size_t i = first; i < std::min(first + columns, figure.panels.size()); ++i) {
      const PanelDrawing panel(figure.panels[i], width, plot, paint, series);
      drawing.content += fmt::format("<g transform=\"translate({} {})\">\n{}</g>\n",
                                     svg_number(static_cast<double>(i - first) * width),
                                     svg_number(drawing.height + kGap), panel.svg());
      tallest = std::max(tallest, panel.height() + 2 * kGap);
    }
    drawing.height += tallest;
  }
  return drawing;
}

}  // namespace

std::string svg_file(const Figure& figure, Theme theme) {
  const SvgPaint paint{false, theme, nullptr};
  const Drawing drawing = drawing_of(figure, paint);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
      "font-family=\"sans-serif\" font-size=\"12\" fill=\"{2}\">\n<rect width=\"100%\" height=\"100%\" fill=\"{3}\"/>\n{4}</svg>\n",
      svg_number(drawing.width), svg_number(drawing.height), paint.colour(kForeground),
      paint.colour(kBackground), drawing.content);
}

std::string inline_svg(const Figure& figure, const std::string& title, const GroupNumbers& groups) {
  const SvgPaint paint{true, Theme::light, &groups};
  const Drawing drawing = drawing_of(figure, paint);
  return fmt::format(
      "<svg class=\"picture\"{} viewBox=\"0 0 {} {}\" role=\"group\" aria-label=\"{}\" fill=\"{}\">\n{}</svg>\n",
      figure.zoomable ? " data-zoom" : "", svg_number(drawing.width), svg_number(drawing.height),
      svg_text(title, kLabelColumns), paint.colour(kForeground), drawing.content);
}

}  // namespace lockstep
