// A figure as SVG, drawn by analyze itself. Every text in it is escaped: names of runs are hostile input.
#pragma once

#include <map>
#include <string>

#include "analysis/plot/figure.hpp"

namespace lockstep {

enum class Theme { light, dark };

// How the page identifies a group: its label, mapped to the value of data-g, by which the script finds its
// runs.
using GroupNumbers = std::map<std::string, std::string>;

// A file of its own, with the colours of a theme.
std::string svg_file(const Figure& figure, Theme theme);

// To stand in the page of the report: colours are the page's CSS variables, shapes have their values as titles,
// and what the script needs to hide a series and to zoom stands in data attributes.
std::string inline_svg(const Figure& figure, const std::string& title, const GroupNumbers& groups);

}  // namespace lockstep
