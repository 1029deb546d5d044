// analyze: reads run files, nothing else.
#include <fmt/format.h>

#include <csignal>
#include <exception>

#include "analysis/command_line.hpp"
#include "analysis/output/output_file.hpp"
#include "analysis/verbs/pages.hpp"
#include "analysis/verbs/verbs.hpp"
#include "base/error.hpp"
#include "base/provenance.hpp"
#include "base/standard_output.hpp"

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
  for (const std::string& line : analysis.runs.notes) say(line);
  for (const std::string& line : analysis.runs.unreadable) say("left out: " + line);
  return analysis;
}

bool must_refuse(const Analysis& analysis, const AnalyzeOptions& options) {
  return has_invalid_run(analysis) || (options.strict && has_refusal(analysis));
}

ExitCode run_diff(const AnalyzeOptions& options) {
  const Analysis before = read({options.paths[0]}, options), after = read({options.paths[1]}, options);
  const Difference found = difference(before, after, options);
  write_output(options.output, render(found.page, options.format));
  if (found.regression || must_refuse(before, options) || must_refuse(after, options))
    return ExitCode::refused;
  return ExitCode::done;
}

ExitCode analyze(const AnalyzeOptions& options) {
  if (options.help) {
    write_output("", analyze_help());
    return ExitCode::done;
  }
  if (options.version) {
    const Provenance p = provenance();
    write_output("", fmt::format("analyze {} ({}, {})\n", p.version, p.commit, p.compiler));
    return ExitCode::done;
  }
  for (const FileVerb& f : kFileVerbs)
    if (f.verb == options.verb) return f.run(options);
  if (options.verb == Verb::diff) return run_diff(options);
  if (options.verb == Verb::report) require_place_for_report(options);
  const Analysis analysis = read(options.paths, options);
  for (const VerbFunction& f : kFunctions)
    if (f.verb == options.verb) f.run(analysis, options);
  for (const VerbPage& p : verb_pages())
    if (p.verb == options.verb)
      write_output(options.output, render(p.page(analysis, options), options.format));
  return must_refuse(analysis, options) ? ExitCode::refused : ExitCode::done;
}

}  // namespace

}  // namespace lockstep

int main(int argc, char** argv) {
  lockstep::keep_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may grow no more is an error of the write
  try {
    return static_cast<int>(lockstep::analyze(lockstep::parse_analyze({argv + 1, argv + argc})));
  } catch (const lockstep::Error& error) {
    lockstep::say(error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    lockstep::say(error.what());
    return static_cast<int>(lockstep::ExitCode::failed);
  }
}
