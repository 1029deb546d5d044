// What analyze can do: one list, a row a verb. The help, the parser of the command line, main() and the
// report follow from it.
#pragma once

#include <span>
#include <string>

#include "analysis/model/analysis.hpp"
#include "analysis/render/format.hpp"
#include "analysis/tables/pages.hpp"
#include "base/error.hpp"

namespace lockstep {

struct AnalyzeOptions;

struct Verb {
  const char *name, *about;
  // One of the two. tables: printed in the format that was asked for, and shown by the report.
  Page (*tables)(const Analysis&, const PageOptions&) = nullptr;
  ExitCode (*run)(const AnalyzeOptions&) = nullptr;
};
std::span<const Verb> verbs();  // the first is what is done without a verb

ExitCode run_verb(const AnalyzeOptions& options);

// The summary in one format; of the options, whether all of it is wanted, and the link.
std::string render(const Analysis& analysis, Format format, const AnalyzeOptions& options);

// --- what the rows of the list name ---

// Prints the summary, and writes to report/ below the first path, which must be a folder: index.html,
// summary.md, .json, .csv and .tex, and each picture as .svg and .csv, and by gnuplot as .png and .pdf. Files of
// these names are replaced, others left alone.
ExitCode run_report(const AnalyzeOptions& options);
ExitCode run_summary(const AnalyzeOptions& options);
ExitCode run_diff(const AnalyzeOptions& options);
// One run as a trace; options.steps is a window "A:B", or empty.
ExitCode run_trace(const AnalyzeOptions& options);
// options.table of all runs as one long table.
ExitCode run_export(const AnalyzeOptions& options);
// What may be claimed from other projects' results.
ExitCode run_import(const AnalyzeOptions& options);

// --- what they share ---

// Reads the runs below the paths, and says on stderr what is left out.
Analysis read_analysis(const std::vector<std::string>& paths, const AnalyzeOptions& options);
// Whether a run is not valid, or a claim is refused under --strict.
bool must_refuse(const Analysis& analysis, const AnalyzeOptions& options);

}  // namespace lockstep
