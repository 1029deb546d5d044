#include "analysis/tables/summary.hpp"
#include "analysis/render/output_file.hpp"
#include "analysis/render/render.hpp"
#include "analysis/render/summary_json.hpp"
#include "analysis/tables/group_columns.hpp"
#include "analysis/verbs/command_line.hpp"
#include "analysis/verbs/verbs.hpp"

namespace lockstep {

// People get the answer on a terminal and the tables that matter elsewhere, programs every number of every group.
std::string render(const Analysis& analysis, Format format, const AnalyzeOptions& options) {
  if (format == Format::json) return summary_json(analysis);
  if (format == Format::csv) return render_csv(groups_table(analysis));
  const bool answer = format == Format::table && !options.full;
  return render(answer ? answer_page(analysis, options) : summary_page(analysis, options), format);
}

ExitCode run_summary(const AnalyzeOptions& options) {
  const Analysis analysis = read_analysis(options.paths, options);
  write_output(options.output, render(analysis, options.format, options));
  return must_refuse(analysis, options) ? ExitCode::refused : ExitCode::done;
}

}  // namespace lockstep
