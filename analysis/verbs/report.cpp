#include <filesystem>

#include "analysis/output/write_file.hpp"
#include "analysis/verbs/verbs.hpp"
#include "base/error.hpp"

namespace lockstep {

void run_report(const Analysis& analysis, const AnalyzeOptions& options) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(options.paths.front()) / "report";
  std::error_code error;
  if (!fs::is_directory(options.paths.front(), error))
    throw input_error("{}: a report needs a folder to be written to; use analyze summary",
                      options.paths.front());
  fs::create_directory(folder, error);
  if (error)
    throw input_error("{}: cannot be made: {}; use analyze summary", folder.string(), error.message());
  write_file((folder / "summary.md").string(), render(analysis, Format::md));
  write_file((folder / "summary.json").string(), render(analysis, Format::json));
  write_file((folder / "summary.csv").string(), render(analysis, Format::csv));
  run_summary(analysis, options);
}

}  // namespace lockstep
