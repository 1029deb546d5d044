#include "analysis/tables/imported.hpp"

#include <fmt/format.h>

#include <cmath>

#include "analysis/metrics/speedup.hpp"

namespace lockstep {

namespace {

std::vector<Cell> claim_row(const ImportedClaim& c) {
  const ImportedRun& run = *c.run;
  std::vector<Cell> row = {run.label(),
                           run.mode.empty() ? Cell() : Cell(run.mode),
                           run.ranks > 0 ? Cell(run.ranks) : Cell(),
                           std::int64_t{std::ssize(run.epochs)},
                           c.epoch_seconds,
                           c.accuracy};
  if (!c.baseline || !std::isfinite(c.apparent_speedup)) {
    row.resize(10);
    return row;
  }
  const auto share = amdahl_parallel_share(c.apparent_speedup, run.ranks);
  row.insert(row.end(), {c.apparent_speedup, efficiency(c.apparent_speedup, run.ranks),
                         karp_flatt(c.apparent_speedup, run.ranks), share ? Cell(*share) : Cell("refused")});
  return row;
}

std::vector<std::string> finding_lines(const ImportedClaims& claims) {
  std::vector<std::string> lines;
  for (const ImportedFinding& f : claims.findings)
    lines.push_back(
        fmt::format("{} [{}] {}: {}", f.refusal ? "refused" : "warning", f.code, f.subject, f.sentence));
  return lines;
}

}  // namespace

Page claims_page(const ImportedClaims& claims, const std::vector<std::string>& left_out) {
  Table table{"runs",
              "What the files say",
              {{"run", "", ""},
               {"mode", "", "mode"},
               {"ranks", "1", "ranks"},
               {"rows", "1", "rows"},
               {"epoch_seconds", "s", "epoch s"},
               {"accuracy", "1", "accuracy", 1, true, Style::decimals},
               {"apparent_speedup", "1", "apparent speedup"},
               {"efficiency", "1", "effic. %", 1, true, Style::percent},
               {"karp_flatt", "1", "Karp-Flatt"},
               {"amdahl_parallel_share", "1", "Amdahl"}}};
  for (const ImportedClaim& claim : claims.claims) table.rows.push_back(claim_row(claim));
  table.below =
      "epoch s: median over the rows. apparent speedup: of these, against the fastest run on one device in "
      "the same file (JSON) or folder (CSV). It is what the numbers give, not what may be claimed:";
  Page page{fmt::format("{} imported runs", claims.claims.size()), {}, {std::move(table)}, {}};
  page.more = {
      {"What cannot be claimed, and why", finding_lines(claims)},
      {"What can be claimed",
       {"The losses, accuracies and times that the files state, each of its run alone. For more, the "
        "runs have to be made again with an audit, repetitions and a record of the hardware, as "
        "train_seq and train_ddp do."},
       false},
      {"Left out", left_out}};
  return page;
}

}  // namespace lockstep
