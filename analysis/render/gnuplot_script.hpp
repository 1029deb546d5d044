// The script that draws a figure. Every word in it is gnuplot_quoted: names of runs are hostile input.
#pragma once

#include <string>

#include "analysis/plot/figure.hpp"

namespace lockstep {

enum class Theme { light, dark };

// Draws to `<name>.svg` and `<name>.png` in the working directory. name: of file_word's characters. The SVG
// has placeholders in the place of the page's and the text's colour: see themed_svg.
std::string gnuplot_script(const Figure& figure, const std::string& name, Theme theme);

// The SVG with the colours of a theme.
std::string themed_svg(const std::string& svg, Theme theme);

// The same to stand in a page that has the CSS variables --page and --text; ids begin with the name.
std::string inline_svg(const std::string& svg, const std::string& name);

}  // namespace lockstep
