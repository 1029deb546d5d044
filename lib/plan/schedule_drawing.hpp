// Pictures of a schedule: a text grid for terminals, and an SVG to scale. Pure.
#pragma once

#include <string>

#include "plan/schedule_simulation.hpp"

namespace lockstep {

// One row a stage, one column a slot, as if every pass took one slot and transfers none:
//   stage 0 | F0 F1 .  .  B0 B1
//   stage 1 | .  F0 B0 F1 B1 .
// F and B and the micro-batch; with several chunks a stage ".k" for its k-th chunk; "." for an idle slot. A
// legend follows. Lines of the grid are at most `width` columns: where slots do not fit, every row ends in
// ">>" and a line says how many were cut. Errors: those of simulate().
std::string schedule_grid(const StageActions& schedule, int width = 100);

struct SvgOptions {
  std::string title;
  std::string unit = "ms";     // of the axis
  double unit_seconds = 1e-3;  // how many seconds one unit is
  int width = 960;             // pixels of the whole picture, at least 300
};

// A self-contained SVG: a bar a stage with its passes at their times, the time axis, a legend, each stage's
// idle share and most micro-batches in flight. Forward passes are dark, backward passes light and hatched, so
// that they differ in grey print and for any colour vision; chunks of a stage differ in shade.
// Where passes would be too narrow to see, only the first part of the step is drawn and the cut is marked.
std::string schedule_svg(const Timeline& timeline, const SvgOptions& options);

}  // namespace lockstep
