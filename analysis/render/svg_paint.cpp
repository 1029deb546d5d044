#include "analysis/render/svg_paint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/render/escape.hpp"
#include "analysis/tables/table.hpp"

namespace lockstep {

namespace {

struct Paint {
  Colour colour;
  const char* variable;  // of the page's style.css, which has the same pairs
  Colour light, dark;
};
constexpr Paint kPaints[] = {
    {kForeground, "text", 0x000000, 0xe6e6e6}, {kBackground, "page", 0xffffff, 0x14171a},
    {kBlue, "blue", kBlue, 0x3f9fdc},          {kVermillion, "vermillion", kVermillion, 0xea7a34},
    {kGreen, "green", kGreen, 0x1fb98a},       {kPurple, "purple", kPurple, kPurple},
    {kOrange, "orange", kOrange, kOrange},     {kSky, "sky", kSky, 0x8accf5},
    {kYellow, "yellow", kYellow, kYellow},     {kGrey, "grey", kGrey, kGrey},
    {kDarkGrey, "rest", kDarkGrey, 0x868c93},  {kLightGrey, "idle", kLightGrey, 0x5f6872}};

}  // namespace

std::string SvgPaint::colour(Colour wanted) const {
  const auto known = std::find_if(std::begin(kPaints), std::end(kPaints),
                                  [&](const Paint& p) { return p.colour == wanted; });
  if (known == std::end(kPaints)) return fmt::format("#{:06x}", wanted);
  if (in_page) return fmt::format("var(--{})", known->variable);
  return fmt::format("#{:06x}", theme == Theme::light ? known->light : known->dark);
}

std::string SvgPaint::group_attribute(const std::string& label) const {
  if (!groups) return "";
  const auto known = groups->find(label);
  return known == groups->end() ? "" : fmt::format(" data-g=\"{}\"", known->second);
}

std::string svg_text(const std::string& text, std::size_t columns) {
  return html_escaped(one_line(text, columns));
}

double svg_text_width(const std::string& text, std::size_t columns) {
  return kSvgLetter * static_cast<double>(std::min(display_width(text), columns));
}

std::string svg_number(double points) {
  const double tenths = std::round(10 * points);
  return fmt::format("{:g}", (tenths == 0 ? 0 : tenths) / 10);
}

std::string svg_title(const SvgPaint& paint, const std::string& text) {
  return !paint.in_page || text.empty() ? "" : fmt::format("<title>{}</title>", html_escaped(text));
}

}  // namespace lockstep
