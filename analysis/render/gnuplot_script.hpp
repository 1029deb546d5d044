// The script that draws a figure for papers. Every word in it is gnuplot_quoted: names of runs are hostile input.
#pragma once

#include <string>

#include "analysis/plot/figure.hpp"
#include "analysis/render/svg.hpp"

namespace lockstep {

// Draws to `<name>.pdf` and `<name>.png` in the working directory. name: of file_word's characters.
std::string gnuplot_script(const Figure& figure, const std::string& name, Theme theme);

}  // namespace lockstep
