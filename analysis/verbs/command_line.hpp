// The command line of analyze.
#pragma once

#include <string>
#include <vector>

#include "analysis/import/kineto_run.hpp"
#include "analysis/model/compare.hpp"
#include "analysis/render/format.hpp"
#include "analysis/render/run_tables.hpp"
#include "analysis/tables/page_options.hpp"
#include "analysis/verbs/verbs.hpp"

namespace lockstep {

struct AnalyzeOptions : PageOptions {
  const Verb* verb = &verbs().front();
  bool names_verb = false;  // whether it was given
  Format format = Format::table;
  std::string output;  // file; empty: stdout
  bool strict = false, dark = false, full = false, watch = false, help = false, version = false;
  Baseline baseline = Baseline::seq;
  std::string steps;                 // of trace: "A:B"; empty: around the median
  RunTable table = RunTable::steps;  // of export
  ImportFacts facts;                 // of import, as the next
  std::string into = "imported";     // folder of the run files
};

// "200Gb:2us": bandwidth (Gb, Mb: bits; GB, MB: bytes per second) and latency (ns, us, ms, s) of a link.
// Error(bad_input) for anything else.
Link parse_link(const std::string& text);

// arguments: without the program's name. Error(bad_input) for what it does not know.
AnalyzeOptions parse_analyze(const std::vector<std::string>& arguments);

std::string analyze_help();
// The lines of these flags, "--format --output"; of all where it is empty.
std::string flag_help(const std::string& names);
// Error(bad_input) where no verb was given and one of the paths is a word that names nothing: a verb
// misspelt.
void require_paths(const AnalyzeOptions& options);

}  // namespace lockstep
