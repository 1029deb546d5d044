#include "analysis/tables/imported.hpp"

#include <fmt/format.h>

#include <cmath>

#include "analysis/metrics/scaling_laws.hpp"
#include "analysis/metrics/speedup.hpp"
#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

TextTable::Row claim_row(const ImportedClaim& c) {
  const ImportedRun& run = *c.run;
  TextTable::Row row{
      {run.label(), run.mode.empty() ? "-" : run.mode, run.ranks > 0 ? std::to_string(run.ranks) : "-",
       std::to_string(run.epochs.size()), number(c.epoch_seconds),
       std::isfinite(c.accuracy) ? fmt::format("{:.4f}", c.accuracy) : "-"},
      ""};
  if (!c.baseline || !std::isfinite(c.apparent_speedup)) {
    row.cells.insert(row.cells.end(), {"-", "-", "-", "-"});
    return row;
  }
  const auto share = amdahl_parallel_share(c.apparent_speedup, run.ranks);
  row.cells.insert(row.cells.end(),
                   {number(c.apparent_speedup), percent(efficiency(c.apparent_speedup, run.ranks)),
                    number(karp_flatt(c.apparent_speedup, run.ranks)), share ? number(*share) : "refused"});
  return row;
}

}  // namespace

Document claims_document(const ImportedClaims& claims, const std::vector<std::string>& left_out) {
  Document page;
  page.title(fmt::format("{} imported runs", claims.claims.size()));
  page.heading("What the files say");
  TextTable table{{"", "mode", "ranks", "rows", "epoch s", "accuracy", "apparent speedup", "effic. %",
                   "Karp-Flatt", "Amdahl"},
                  {}};
  for (const ImportedClaim& claim : claims.claims) table.rows.push_back(claim_row(claim));
  page.table(std::move(table));
  page.text(
      "epoch s: median over the rows. apparent speedup: of these, against the fastest run on one device in "
      "the same "
      "file (JSON) or folder (CSV). It is what the numbers give, not what may be claimed:");
  page.heading("What cannot be claimed, and why");
  std::vector<std::string> lines;
  for (const ImportedFinding& f : claims.findings)
    lines.push_back(
        fmt::format("{} [{}] {}: {}", f.refusal ? "refused" : "warning", f.code, f.subject, f.sentence));
  page.items(lines);
  page.heading("What can be claimed");
  page.text(
      "The losses, accuracies and times that the files state, each of its run alone. For more, the runs have "
      "to be "
      "made again with an audit, repetitions and a record of the hardware, as train_seq and train_ddp do.");
  if (!left_out.empty()) {
    page.heading("Left out");
    page.items(left_out);
  }
  return page;
}

}  // namespace lockstep
