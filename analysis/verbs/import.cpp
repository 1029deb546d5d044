#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "analysis/import/claims.hpp"
#include "analysis/render/json.hpp"
#include "analysis/render/long_table.hpp"
#include "analysis/render/output_file.hpp"
#include "analysis/render/render.hpp"
#include "analysis/tables/imported.hpp"
#include "analysis/verbs/command_line.hpp"
#include "analysis/verbs/import_records.hpp"
#include "analysis/verbs/verbs.hpp"
#include "base/error.hpp"

namespace lockstep {

namespace {

// The rows of all files under one header.
void write_rows(std::ostream& out, const std::vector<ImportedRun>& runs) {
  LongTable table(out, LongFormat::csv,
                  {"source", "run", "mode", "ranks", "epoch", "train_loss", "train_seconds",
                   "validation_loss", "validation_accuracy"});
  for (const ImportedRun& run : runs)
    for (const ImportedEpoch& e : run.epochs)
      table.row({run.source, run.label(), run.mode, run.ranks, e.epoch, e.train_loss, e.seconds,
                 e.validation_loss, e.accuracy});
  table.finish();
}

std::string json_of(const ImportedClaims& claims) {
  Json runs = Json::array(), findings = Json::array();
  for (const ImportedClaim& c : claims.claims)
    runs.push_back({{"source", c.run->source},
                    {"run", c.run->label()},
                    {"mode", c.run->mode},
                    {"ranks", c.run->ranks},
                    {"epoch_seconds", c.epoch_seconds},
                    {"accuracy", c.accuracy},
                    {"apparent_speedup", c.apparent_speedup},
                    {"assumed", c.run->assumed}});
  for (const ImportedFinding& f : claims.findings)
    findings.push_back({{"code", f.code},
                        {"severity", f.refusal ? "refusal" : "warning"},
                        {"subject", f.subject},
                        {"sentence", f.sentence}});
  return json_text({{"runs", runs}, {"findings", findings}});
}

// What may be claimed of results in CSV and JSON; whether something must be refused.
bool show_claims(std::ostream& out, const AnalyzeOptions& options, const std::vector<ImportedRun>& runs,
                 const std::vector<std::string>& left_out) {
  const ImportedClaims claims = claims_of(runs);
  if (options.format == Format::csv)
    write_rows(out, runs);
  else if (options.format == Format::json)
    out << json_of(claims);
  else
    out << render(claims_page(claims, left_out), options.format);
  return std::any_of(claims.findings.begin(), claims.findings.end(),
                     [](const ImportedFinding& f) { return f.refusal; });
}

}  // namespace

ExitCode run_import(const AnalyzeOptions& options) {
  Tree tree = files_below(options.paths, may_be_imported);
  std::vector<std::string> left_out = std::move(tree.notes);
  const SortedFiles files = sorted_files(tree.files);
  const std::vector<MadeFile> made = import_records(files, options, left_out);
  const std::vector<ImportedRun> runs = read_artefacts(files.results, left_out);
  for (const std::string& line : left_out) say(fmt::format("left out: {}", line));
  if (made.empty() && runs.empty())
    throw input_error("{}: no run found{}; what is accepted is listed in docs/importing.md",
                      options.paths.front(), left_out.empty() ? "" : " (" + left_out.front() + ")");
  OutputFile out(options.output);
  if (!made.empty()) out.stream() << render(made_page(made, left_out), options.format);
  const bool refused = !runs.empty() && show_claims(out.stream(), options, runs, left_out);
  out.finish();
  return options.strict && refused ? ExitCode::refused : ExitCode::done;
}

}  // namespace lockstep
