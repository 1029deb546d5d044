// What analyze does with an analysis, one function a verb.
#pragma once

#include "analysis/command_line.hpp"
#include "analysis/model/analysis.hpp"

namespace lockstep {

// The summary in one format.
std::string render(const Analysis& analysis, Format format);

// Prints the summary, to options.output or stdout.
void run_summary(const Analysis& analysis, const AnalyzeOptions& options);

// run_summary, and in report/ below the first path, which must be a folder: index.html, summary.md, .json,
// .csv and .tex, and each picture as .svg, .png and .csv. Files of these names are replaced, others left
// alone.
void run_report(const Analysis& analysis, const AnalyzeOptions& options);

}  // namespace lockstep
