// The command line of analyze. Its help text is made from the tables that it is parsed by.
#pragma once

#include <string>
#include <vector>

#include "analysis/model/compare.hpp"
#include "analysis/output/run_tables.hpp"

namespace lockstep {

enum class Verb { report, summary, trace, export_tables, import_results };
enum class Format { table, json, csv, md, tex };

struct AnalyzeOptions {
  Verb verb = Verb::report;
  std::vector<std::string> paths;
  Format format = Format::table;
  std::string output;  // file; empty: stdout
  bool strict = false, dark = false, help = false, version = false;
  Baseline baseline = Baseline::seq;
  std::string steps;                 // of trace: "A:B"; empty: around the median
  RunTable table = RunTable::steps;  // of export
};

// arguments: without the program's name. Error(bad_input) for what it does not know.
AnalyzeOptions parse_analyze(const std::vector<std::string>& arguments);

std::string analyze_help();

}  // namespace lockstep
