#include "analysis/render/csv.hpp"
#include "analysis/render/json.hpp"
#include "analysis/render/output_file.hpp"
#include "analysis/render/tex.hpp"
#include "analysis/render/text.hpp"
#include "analysis/tables/sections.hpp"
#include "analysis/verbs/command_line.hpp"
#include "analysis/verbs/verbs.hpp"

namespace lockstep {

std::string render(const Analysis& analysis, Format format) {
  switch (format) {
    case Format::table:
      return render_text(summary_document(analysis));
    case Format::json:
      return render_json(analysis);
    case Format::csv:
      return render_csv(analysis);
    case Format::md:
      return render_markdown(summary_document(analysis));
    case Format::tex:
      return render_tex(summary_document(analysis));
  }
  return "";
}

ExitCode run_summary(const AnalyzeOptions& options) {
  const Analysis analysis = read_analysis(options.paths, options);
  write_output(options.output, render(analysis, options.format));
  return must_refuse(analysis, options) ? ExitCode::refused : ExitCode::done;
}

}  // namespace lockstep
