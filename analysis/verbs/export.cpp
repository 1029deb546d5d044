#include <fmt/format.h>

#include <cstdio>

#include "analysis/model/run_set.hpp"
#include "analysis/output/output_stream.hpp"
#include "analysis/output/run_tables.hpp"
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
  const std::vector<std::string> files = find_some_runs(options.paths);
  const LongFormat format = long_format(options.format);
  OutputStream out(options.output);
  LongTable table(out.stream(), format, run_table_columns(options.table));
  std::size_t exported = 0;
  for (const std::string& file : files) {
    try {
      const RunData run = read_run(file);
      add_run_rows(table, options.table, run);
      ++exported;
    } catch (const Error& error) {
      fmt::print(stderr, "analyze: left out: {}\n", error.what());
    }
  }
  table.finish();
  out.finish();
  return exported ? ExitCode::done : ExitCode::bad_input;
}

}  // namespace lockstep
