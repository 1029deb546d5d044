// analyze: reads run files, nothing else.
#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "analysis/command_line.hpp"
#include "analysis/verbs/pages.hpp"
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

Analysis read(const std::vector<std::string>& paths, const AnalyzeOptions& options) {
  Analysis analysis(read_runs(paths), options.baseline);
  for (const std::string& line : analysis.runs.unreadable)
    fmt::print(stderr, "analyze: left out: {}\n", line);
  return analysis;
}

bool must_refuse(const Analysis& analysis, const AnalyzeOptions& options) {
  return has_invalid_run(analysis) || (options.strict && has_refusal(analysis));
}

ExitCode run_diff(const AnalyzeOptions& options) {
  const Analysis before = read({options.paths[0]}, options), after = read({options.paths[1]}, options);
  const Difference found = difference(before, after, options);
  print(render(found.page, options.format), options);
  if (found.regression || must_refuse(before, options) || must_refuse(after, options))
    return ExitCode::refused;
  return ExitCode::done;
}

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
  if (options.verb == Verb::diff) return run_diff(options);
  const Analysis analysis = read(options.paths, options);
  for (const VerbFunction& f : kFunctions)
    if (f.verb == options.verb) f.run(analysis, options);
  for (const VerbPage& p : verb_pages())
    if (p.verb == options.verb) print(render(p.page(analysis, options), options.format), options);
  return must_refuse(analysis, options) ? ExitCode::refused : ExitCode::done;
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
