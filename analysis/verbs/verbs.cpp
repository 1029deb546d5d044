#include "analysis/verbs/verbs.hpp"

#include "analysis/render/output_file.hpp"
#include "analysis/render/render.hpp"
#include "analysis/verbs/command_line.hpp"
#include "analysis/verbs/watch.hpp"

namespace lockstep {

namespace {

constexpr Verb kVerbs[] = {
    {.name = "report",
     .about = "print the summary, write tables, pictures and a page to PATH/report/ (the default)",
     .run = run_report},
    {.name = "summary", .about = "print the summary, write nothing", .run = run_summary},
    {"scaling", "speedups by number of ranks, and fitted scaling laws", scaling_page},
    {"budget", "where a step spends its time, and what it loses", budget_page},
    {"overlap", "communication: hidden, exposed, waiting, transfer; bucket by bucket", overlap_page},
    {"pop", "parallel efficiency as a product of factors", pop_page},
    {"convergence", "time and samples to an accuracy", convergence_page},
    {"pipeline", "bubbles of pipelines, compared with ideal ones", pipeline_page},
    {"bandwidth", "what commbench measured: bandwidth by message size, and the fitted link", bandwidth_page},
    {"validate", "every check on every run", validate_page},
    {.name = "diff",
     .about = "diff A B: what changed from the runs below A to those below B",
     .run = run_diff},
    {"predict", "steps on other numbers of ranks, predicted from measurements", predict_page},
    {"advise", "what would help, with the predicted gain", advise_page},
    {.name = "trace",
     .about = "one run as a trace for ui.perfetto.dev or chrome://tracing",
     .run = run_trace},
    {.name = "export",
     .about = "the samples of all runs as one long table: export csv|json|tex PATH...",
     .run = run_export},
    {.name = "import",
     .about =
         "run files from PyTorch's traces and communication benchmarks; claims from results in CSV and JSON",
     .run = run_import},
};

}  // namespace

std::span<const Verb> verbs() { return kVerbs; }

Analysis read_analysis(const std::vector<std::string>& paths, const AnalyzeOptions& options) {
  Analysis analysis(read_runs(paths), options.baseline);
  for (const std::string& line : analysis.runs.notes) say(line);
  for (const std::string& line : analysis.runs.unreadable) say("left out: " + line);
  return analysis;
}

bool must_refuse(const Analysis& analysis, const AnalyzeOptions& options) {
  return has_invalid_run(analysis) || (options.strict && has_refusal(analysis));
}

ExitCode run_verb(const AnalyzeOptions& options) {
  require_paths(options);
  if (options.watch) return run_watch(options);
  if (options.verb->run) return options.verb->run(options);
  const Analysis analysis = read_analysis(options.paths, options);
  write_output(options.output, render(options.verb->tables(analysis, options), options.format));
  return must_refuse(analysis, options) ? ExitCode::refused : ExitCode::done;
}

ExitCode run_diff(const AnalyzeOptions& options) {
  const Analysis before = read_analysis({options.paths[0]}, options),
                 after = read_analysis({options.paths[1]}, options);
  const Difference found = difference(before, after, options);
  write_output(options.output, render(found.page, options.format));
  if (found.regression || must_refuse(before, options) || must_refuse(after, options))
    return ExitCode::refused;
  return ExitCode::done;
}

}  // namespace lockstep
