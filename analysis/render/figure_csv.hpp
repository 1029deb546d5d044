// The numbers of a figure.
#pragma once

#include <string>

#include "analysis/plot/figure.hpp"

namespace lockstep {

// Rows: panel,series,label,x,y,low,high. A rectangle is given by its middle in y, by low and
// high in x.
std::string figure_csv(const Figure& figure);

}  // namespace lockstep
