// The command line of analyze. Its help text is made from the tables that it is parsed by.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/metrics/link_model.hpp"
#include "analysis/model/compare.hpp"
#include "analysis/output/run_tables.hpp"

namespace lockstep {

enum class Verb {
  report,
  summary,
  scaling,
  budget,
  overlap,
  pop,
  convergence,
  pipeline,
  bandwidth,
  validate,
  diff,
  predict,
  advise,
  trace,
  export_tables,
  import_results
};
enum class Format { table, json, csv, md, tex };

struct AnalyzeOptions {
  Verb verb = Verb::report;
  std::vector<std::string> paths;
  Format format = Format::table;
  std::string output;  // file; empty: stdout
  bool strict = false, dark = false, help = false, version = false;
  Baseline baseline = Baseline::seq;
  std::vector<std::int64_t> ranks = {2, 4, 8, 16, 32, 64};  // predict
  std::optional<Link> link;                                 // predict, advise; empty: the measured one
  double threshold = 0.05;                                  // diff: what is a regression, of a step
  std::string steps;                                        // of trace: "A:B"; empty: around the median
  RunTable table = RunTable::steps;                         // of export
};

// "200Gb:2us": bandwidth (Gb, Mb: bits; GB, MB: bytes per second) and latency (ns, us, ms, s) of a link.
// Error(bad_input) for anything else.
Link parse_link(const std::string& text);

// arguments: without the program's name. Error(bad_input) for what it does not know.
AnalyzeOptions parse_analyze(const std::vector<std::string>& arguments);

std::string analyze_help();

}  // namespace lockstep
