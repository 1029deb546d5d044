#include "analysis/output/csv.hpp"
#include "analysis/output/json.hpp"
#include "analysis/output/output_file.hpp"
#include "analysis/output/sections.hpp"
#include "analysis/output/sheet.hpp"
#include "analysis/output/tex.hpp"
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

void run_summary(const Analysis& analysis, const AnalyzeOptions& options) {
  write_output(options.output, render(analysis, options.format));
}

}  // namespace lockstep
