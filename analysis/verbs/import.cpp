#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "analysis/import/claims.hpp"
#include "analysis/render/json_text.hpp"
#include "analysis/render/long_table.hpp"
#include "analysis/render/output_file.hpp"
#include "analysis/render/tex.hpp"
#include "analysis/render/text.hpp"
#include "analysis/tables/imported.hpp"
#include "analysis/verbs/command_line.hpp"
#include "analysis/verbs/verbs.hpp"

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
  JsonText json;
  json.begin_object().key("runs").begin_list();
  for (const ImportedClaim& c : claims.claims) {
    json.begin_object().key("source").text(c.run->source).key("run").text(c.run->label());
    json.key("mode").text(c.run->mode).key("ranks").integer(c.run->ranks);
    json.key("epoch_seconds").number(c.epoch_seconds).key("accuracy").number(c.accuracy);
    json.key("apparent_speedup").number(c.apparent_speedup).end_object();
  }
  json.end_list().key("findings").begin_list();
  for (const ImportedFinding& f : claims.findings) {
    json.begin_object().key("code").text(f.code).key("severity").text(f.refusal ? "refusal" : "warning");
    json.key("subject").text(f.subject).key("sentence").text(f.sentence).end_object();
  }
  return json.end_list().end_object().str() + "\n";
}

}  // namespace

ExitCode run_import(const AnalyzeOptions& options) {
  std::vector<std::string> left_out;
  const std::vector<ImportedRun> runs = read_artefacts(options.paths, left_out);
  for (const std::string& line : left_out) say(fmt::format("left out: {}", line));
  const ImportedClaims claims = claims_of(runs);
  const Document document = claims_document(claims, left_out);
  OutputFile out(options.output);
  switch (options.format) {
    case Format::csv:
      write_rows(out.stream(), runs);
      break;
    case Format::json:
      out.stream() << json_of(claims);
      break;
    case Format::md:
      out.stream() << render_markdown(document);
      break;
    case Format::tex:
      out.stream() << render_tex(document);
      break;
    case Format::table:
      out.stream() << render_text(document);
      break;
  }
  out.finish();
  const bool refused = std::any_of(claims.findings.begin(), claims.findings.end(),
                                   [](const ImportedFinding& f) { return f.refusal; });
  return options.strict && refused ? ExitCode::refused : ExitCode::done;
}

}  // namespace lockstep
