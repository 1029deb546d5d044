#include <fmt/format.h>

#include <set>

#include "analysis/model/run_set.hpp"
#include "analysis/render/output_file.hpp"
#include "analysis/render/run_tables.hpp"
#include "analysis/verbs/command_line.hpp"
#include "analysis/verbs/verbs.hpp"
#include "base/error.hpp"
#include "results/run_reader.hpp"

namespace lockstep {

namespace {

LongFormat long_format(Format format) {
  switch (format) {
    case Format::json:
      return LongFormat::json;
    case Format::tex:
      return LongFormat::tex;
    case Format::md:
      throw input_error("export writes csv, json or tex, not md");
    default:
      return LongFormat::csv;
  }
}

}  // namespace

// One run is in memory at a time.
ExitCode run_export(const AnalyzeOptions& options) {
  std::vector<std::string> notes;
  const std::vector<std::string> files = find_some_runs(options.paths, &notes);
  for (const std::string& note : notes) say(note);
  const LongFormat format = long_format(options.format);
  OutputFile out(options.output);
  LongTable table(out.stream(), format, run_table_columns(options.table));
  std::set<std::string> exported;
  for (const std::string& file : files) {
    try {
      const RunData run = read_run(file);
      if (exported.insert(run.header.uuid).second)
        add_run_rows(table, options.table, run);
      else
        say(fmt::format("{} is a copy of a run above it, and counts once", file));
    } catch (const Error& error) {
      say(fmt::format("left out: {}", error.what()));
    }
  }
  table.finish();
  out.finish();
  return exported.empty() ? ExitCode::bad_input : ExitCode::done;
}

}  // namespace lockstep
