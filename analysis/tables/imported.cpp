#include "analysis/tables/imported.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

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

MadeFile made_file(const std::string& path, const RunData& run, std::vector<std::string> notes) {
  const auto mean = [](const Matrix<double>& column) {
    return std::accumulate(column.values.begin(), column.values.end(), 0.0) /
           static_cast<double>(column.values.size());
  };
  return {path,
          run.header.mode,
          std::max(run.header.world_size, run.steps.ranks()),
          run.steps.steps(),
          std::ssize(run.comm.rank),
          mean(run.steps.wall),
          mean(run.steps.comm_exposed),
          std::move(notes)};
}

Page made_page(const std::vector<MadeFile>& files, const std::vector<std::string>& left_out) {
  Table table{"imported",
              "Files written",
              {{"run", "", ""},
               {"mode", "", "mode"},
               {"ranks", "1", "ranks"},
               {"steps", "1", "steps"},
               {"collectives", "1", "collectives"},
               {"step_seconds", "s", "ms/step", 1000, true, Style::value},
               {"comm_exposed_seconds", "s", "exposed ms", 1000, true, Style::value}}};
  Page page{fmt::format("{} files imported", files.size()), {}, {}, {}};
  for (const MadeFile& file : files) {
    const bool run = !file.mode.empty();
    table.rows.push_back({file.path, run ? Cell(file.mode) : Cell("commbench"), file.ranks,
                          run ? Cell(file.steps) : Cell(), file.collectives,
                          run ? Cell(file.step_seconds) : Cell(), run ? Cell(file.exposed_seconds) : Cell()});
    page.more.push_back({fmt::format("Of {}", file.path), file.notes});
  }
  page.tables.push_back(std::move(table));
  page.more.push_back({"Left out", left_out});
  return page;
}

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
      "the same file or folder. It follows from the numbers, but cannot be claimed:";
  Page page{fmt::format("{} imported runs", claims.claims.size()), {}, {std::move(table)}, {}};
  std::vector<std::string> assumed;
  for (const ImportedClaim& claim : claims.claims)
    for (const std::string& line : claim.run->assumed)
      assumed.push_back(fmt::format("{}: {}", claim.run->label(), line));
  page.more = {
      {"Assumptions", assumed},
      {"What cannot be claimed, and why", finding_lines(claims)},
      {"What can be claimed",
       {"The losses, accuracies and times that the files state, each for its run alone. For more, repeat "
        "the runs with an audit, several launches and a record of the hardware, as train_seq and train_ddp "
        "do."},
       false},
      {"Left out", left_out}};
  return page;
}

}  // namespace lockstep
