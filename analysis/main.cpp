// analyze: reads run files, nothing else.
#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "analysis/command_line.hpp"
#include "analysis/verbs/verbs.hpp"
#include "base/error.hpp"
#include "base/provenance.hpp"

namespace lockstep {

namespace {

struct VerbFunction {
  Verb verb;
  void (*run)(const Analysis&, const AnalyzeOptions&);
};
constexpr VerbFunction kFunctions[] = {{Verb::report, run_report}, {Verb::summary, run_summary}};

// Verbs that do not work on an analysis.
struct FileVerb {
  Verb verb;
  ExitCode (*run)(const AnalyzeOptions&);
};
constexpr FileVerb kFileVerbs[] = {
    {Verb::trace, run_trace}, {Verb::export_tables, run_export}, {Verb::import_results, run_import}};

ExitCode analyze(const AnalyzeOptions& options) {
  if (options.help) {
    fmt::print("{}", analyze_help());
    return ExitCode::done;
  }
  if (options.version) {
    const Provenance p = provenance();
    fmt::print("analyze {} ({}, {})\n", p.version, p.commit, p.compiler);
    return ExitCode::done;
  }
  for (const FileVerb& f : kFileVerbs)
    if (f.verb == options.verb) return f.run(options);
  const Analysis analysis(read_runs(options.paths), options.baseline);
  for (const std::string& line : analysis.runs.unreadable)
    fmt::print(stderr, "analyze: left out: {}\n", line);
  for (const VerbFunction& f : kFunctions)
    if (f.verb == options.verb) f.run(analysis, options);
  if (has_invalid_run(analysis) || (options.strict && has_refusal(analysis))) return ExitCode::refused;
  return ExitCode::done;
}

}  // namespace

}  // namespace lockstep

int main(int argc, char** argv) {
  try {
    return static_cast<int>(lockstep::analyze(lockstep::parse_analyze({argv + 1, argv + argc})));
  } catch (const lockstep::Error& error) {
    fmt::print(stderr, "analyze: {}\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    fmt::print(stderr, "analyze: {}\n", error.what());
    return static_cast<int>(lockstep::ExitCode::failed);
  }
}
