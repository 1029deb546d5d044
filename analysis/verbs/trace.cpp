#include "analysis/render/trace.hpp"
#include "analysis/metrics/pipeline_idle.hpp"

#include <fmt/format.h>

#include <charconv>

#include "analysis/model/run_set.hpp"
#include "analysis/render/output_file.hpp"
#include "analysis/verbs/command_line.hpp"
#include "analysis/verbs/verbs.hpp"
#include "base/error.hpp"
#include "results/run_reader.hpp"

namespace lockstep {

namespace {

// "100:200", "100:" or ":200".
StepWindow parsed_window(const std::string& text, std::int64_t steps) {
  StepWindow window{0, steps};
  const std::size_t colon = text.find(':');
  const auto take = [&](std::string_view part, std::int64_t& into) {
    if (part.empty()) return true;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), into);
    return error == std::errc() && end == part.data() + part.size() && into >= 0;
  };
  const std::string_view view = text;
  const bool read = colon != std::string::npos && take(view.substr(0, colon), window.first) &&
                    take(view.substr(colon + 1), window.last);
  if (read && window.first >= steps)
    throw input_error("--steps {}: the run has {} steps, 0 to {}", text, steps, steps - 1);
  if (!read || window.first >= window.last)
    throw input_error("--steps {}: not two whole numbers A:B with A < B", text);
  return window;
}

}  // namespace

ExitCode run_trace(const AnalyzeOptions& options) {
  const std::vector<std::string> files = find_some_runs(options.paths);
  if (files.size() > 1)
    throw input_error("{}: {} runs below it, and a trace shows one; the first is {}", options.paths.front(),
                      files.size(), files.front());
  RunData run = read_run(files.front());
  book_idle_as_bubble(run);
  if (run.steps.steps() == 0) throw input_error("{}: the run has no steps", files.front());
  const Launch launch = make_launch(run, files.front());
  const StepWindow window = options.steps.empty() ? median_window(run.steps, launch.warmup)
                                                  : parsed_window(options.steps, run.steps.steps());
  OutputFile out(options.output);
  write_trace(out.stream(), run, window);
  out.finish();
  return ExitCode::done;
}

}  // namespace lockstep
