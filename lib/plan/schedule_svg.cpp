#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "plan/schedule_drawing.hpp"

namespace lockstep {

namespace {

// Pixels.
constexpr double kLeft = 76, kRight = 128, kTop = 44, kRow = 30, kBar = 24, kFont = 11, kAxis = 64;
constexpr double kDigit = 6.6;        // width of a digit at kFont, generously
constexpr double kNarrowestMean = 4;  // a pass on average; below that the picture is cut

// Blue and orange of Okabe and Ito 2008, in up to four shades for the chunks of a stage.
constexpr const char* kForward[] = {"#00507d", "#0072b2", "#3f97c9", "#7dbbe0"};
constexpr const char* kBackward[] = {"#ffcf70", "#f3b23a", "#ffe3ad", "#e69f00"};
constexpr std::size_t kShades = 4;

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

// "12.5": at most one decimal, so that files stay small.
std::string px(double value) {
  const double rounded = std::round(value * 10) / 10;
  return fmt::format("{:g}", rounded == 0 ? 0.0 : rounded);
}

// 1, 2 or 5 times a power of ten, at least `least`.
double round_step(double least) {
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

class Picture {
 public:
  Picture(const Timeline& timeline, const SvgOptions& options) : timeline_(timeline), options_(options) {
    stages_ = static_cast<int>(timeline.stages.size());
    for (const auto& stage : timeline.stages) {
      for (const TimedAction& timed : stage) {
        chunks_ = std::max(chunks_, timed.action.chunk / stages_ + 1);
        ++passes_;
      }
    }
    width_ = std::max(options.width, 300);
    height_ = kTop + kRow * stages_ + kAxis;
    choose_scale();
  }

  std::string text() {
    head();
    for (int stage = 0; stage < stages_; ++stage) draw_stage(stage);
    axis();
    legend();
    return out_ + "</svg>\n";
  }

 private:
  double plot_width() const { return width_ - kLeft - kRight; }
  double row(int stage) const { return kTop + kRow * stage; }
  double x(double seconds) const { return kLeft + seconds * scale_; }
  bool cut() const { return shown_ < timeline_.makespan; }

  void choose_scale() {
    shown_ = timeline_.makespan;
    if (shown_ <= 0) return;
    const double mean = shown_ * stages_ / std::max(passes_, 1);  // with the idle time between passes
    shown_ = std::min(shown_, plot_width() / kNarrowestMean * mean);
    scale_ = plot_width() / shown_;
  }

  void head() {
    const std::string title = escaped(options_.title);
    out_ += fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
        "role=\"img\">\n<title>{2}</title>\n",
        width_, px(height_), title);
    out_ += fmt::format(
        "<style>text{{font:{}px sans-serif;fill:#222}}.w{{fill:#fff}}.m{{text-anchor:middle}}"
        ".e{{text-anchor:end}}.t{{font-size:14px;font-weight:bold}}.i{{fill:#eee}}"
        ".p{{stroke:#fff;stroke-width:.8}}.h{{fill:url(#h)}}.a{{stroke:#888;fill:none}}</style>\n",
        kFont);
    out_ +=
        "<defs><pattern id=\"h\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" "
        "patternTransform=\"rotate(45)\"><path d=\"M0 0V5\" stroke=\"#000\" "
        "stroke-opacity=\".28\"/></pattern>"
        "</defs>\n";
    out_ += fmt::format("<rect width=\"{}\" height=\"{}\" fill=\"#fff\"/>\n", width_, px(height_));
    out_ += fmt::format("<text class=\"t\" x=\"{}\" y=\"20\">{}</text>\n", px(kLeft), title);
    out_ += fmt::format("<text x=\"{}\" y=\"{}\">idle, in flight</text>\n", px(width_ - kRight + 10),
                        px(kTop - 8));
  }

  void box(const char* css, const std::string& fill, double left, double right, double top) {
    out_ += fmt::format("<rect class=\"{}\"{} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", css, fill,
                        px(left), px(top), px(right - left), px(kBar));
  }

  void pass_box(const Action& action, double left, double right, double top, int micro_batch) {
    const std::string label = std::to_string(micro_batch);
    const bool forward = action.kind == Action::Kind::forward;
    const std::size_t shade = static_cast<std::size_t>(action.chunk / stages_) % kShades;
    box("p", fmt::format(" fill=\"{}\"", forward ? kForward[shade] : kBackward[shade]), left, right, top);
    if (!forward) box("h", "", left, right, top);
    const bool white = forward && shade < 2;
    if (right - left >= kDigit * static_cast<double>(label.size()) + 2)
      out_ += fmt::format("<text class=\"m{}\" x=\"{}\" y=\"{}\">{}</text>", white ? " w" : "",
                          px((left + right) / 2), px(top + kBar / 2 + 4), label);
    out_ += '\n';
  }

  void draw_stage(int stage) {
    const auto s = static_cast<std::size_t>(stage);
    const double top = row(stage);
    out_ += fmt::format("<text class=\"e\" x=\"{}\" y=\"{}\">stage {}</text>\n", px(kLeft - 8),
                        px(top + kBar / 2 + 4), stage);
    box("i", "", x(0), x(shown_), top);
    out_ += '\n';
    for (const TimedAction& timed : timeline_.stages[s]) {
      if (timed.start >= shown_) break;
      pass_box(timed.action, x(timed.start), x(std::min(timed.end, shown_)), top, timed.action.micro_batch);
    }
    const double share = timeline_.makespan > 0 ? timeline_.idle[s] / timeline_.makespan : 0;
    out_ += fmt::format("<text x=\"{}\" y=\"{}\">{:.1f} %, {}</text>\n", px(width_ - kRight + 10),
                        px(top + kBar / 2 + 4), 100 * share, timeline_.peak_in_flight[s]);
  }

  void axis() {
    const double bottom = row(stages_);
    out_ += fmt::format("<path class=\"a\" d=\"M{} {}H{}\"/>\n", px(x(0)), px(bottom), px(x(shown_)));
    const double units = shown_ / options_.unit_seconds;
    if (!(units > 0)) return;
    const double step = round_step(units / 10);
    for (int i = 0; i * step <= units * (1 + 1e-9); ++i) {
      const double at = x(i * step * options_.unit_seconds);
      out_ += fmt::format(
          "<path class=\"a\" d=\"M{0} {1}v5\"/><text class=\"m\" x=\"{0}\" y=\"{2}\">{3:g}</text>\n", px(at),
          px(bottom), px(bottom + 17), i * step);
    }
    out_ += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", px(x(shown_) + 10), px(bottom + 17),
                        escaped(options_.unit));
    if (!cut()) return;
    out_ += fmt::format(
        "<path d=\"M{} {}V{}\" stroke=\"#d55e00\" stroke-width=\"3\" stroke-dasharray=\"6 3\"/><text "
        "class=\"e\" x=\"{}\" y=\"{}\">cut: the first {:.1f} % of the step</text>\n",
        px(x(shown_)), px(kTop - 6), px(bottom), px(x(shown_)), px(kTop - 10),
        100 * shown_ / timeline_.makespan);
  }

  void note(const std::string& text, double left, double top) {
    out_ += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", px(left), px(top + kBar / 2 + 4), text);
  }

  // One box a chunk, then what they are.
  double passes_entry(Action::Kind kind, const std::string& text, double left, double top) {
    const int shades = std::min(chunks_, static_cast<int>(kShades));
    for (int chunk = 0; chunk < shades; ++chunk, left += 26)
      pass_box({kind, chunk * stages_, 0}, left, left + 24, top, 0);
    const std::string full = shades > 1 ? fmt::format("{}, chunk 0 to {}", text, shades - 1) : text;
    note(full, left + 4, top);
    return left + 22 + kDigit * static_cast<double>(full.size());
  }

  void legend() {
    const double top = row(stages_) + kAxis - 34;
    double left = passes_entry(Action::Kind::forward, "forward pass", kLeft, top);
    left = passes_entry(Action::Kind::backward, "backward pass", left, top);
    box("i", "", left, left + 24, top);
    note("idle", left + 30, top);
    const bool repeated = chunks_ > static_cast<int>(kShades);
    note(repeated ? "number: micro-batch; shades repeat" : "number: micro-batch", left + 70, top);
  }

  const Timeline& timeline_;
  const SvgOptions& options_;
  int stages_ = 0, chunks_ = 1, passes_ = 0, width_ = 0;
  double height_ = 0, scale_ = 0, shown_ = 0;
  std::string out_;
};

}  // namespace

std::string schedule_svg(const Timeline& timeline, const SvgOptions& options) {
  return Picture(timeline, options).text();
}

}  // namespace lockstep
