// What analyze does with an analysis, one function a verb.
#pragma once

#include "analysis/command_line.hpp"
#include "analysis/model/analysis.hpp"
#include "base/error.hpp"

namespace lockstep {

// The summary in one format.
std::string render(const Analysis& analysis, Format format);

// Prints the summary, to options.output or stdout.
void run_summary(const Analysis& analysis, const AnalyzeOptions& options);

// Error(bad_input) when the first path is no folder, or report/ below it is a link: before anything is read.
void require_place_for_report(const AnalyzeOptions& options);
// run_summary, and in report/ below the first path, which must be a folder: index.html, summary.md, .json,
// .csv and .tex, and each picture as .svg, .png and .csv. Files of these names are replaced, others left
// alone.
void run_report(const Analysis& analysis, const AnalyzeOptions& options);

// Verbs that read their paths themselves.

// One run as a trace, to options.output or stdout; options.steps is a window "A:B", or empty.
ExitCode run_trace(const AnalyzeOptions& options);
// options.table of all runs as one long table.
ExitCode run_export(const AnalyzeOptions& options);
// What may be claimed from other projects' results.
ExitCode run_import(const AnalyzeOptions& options);

}  // namespace lockstep
