#include <fmt/format.h>

#include "analysis/tables/bench_words.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

namespace {

Table empty_rows() {
  return {"collectives",
          "Times and bandwidths by message size",
          {{"bench", "", ""},
           {"collective", "", "collective"},
           {"bytes", "B", "bytes"},
           {"repetitions", "1", "repetitions"},
           {"seconds_fastest", "s", "fastest us", 1e6},
           {"seconds", "s", "median us", 1e6},
           {"seconds_p95", "s", "p95 us", 1e6},
           {"algbw", "B/s", "algbw GB/s", 1e-9},
           {"busbw", "B/s", "busbw GB/s", 1e-9},
           {"wrong", "1", "#wrong"}},
          {}};
}

Table empty_links() {
  return {"links",
          "The link: time = latency + bytes / bandwidth, fitted over all sizes",
          {{"bench", "", ""},
           {"fitted_to", "", "fitted to"},
           {"latency", "s", "latency us", 1e6},
           {"bandwidth", "B/s", "bandwidth GB/s", 1e-9},
           {"sizes", "1", "sizes"}},
          {}};
}

void add_link(Page& page, const std::string& name, const char* to, const std::optional<BenchLink>& link) {
  if (!link) return;
  page.tables[1].rows.push_back({name, std::string(to), link->latency, link->bandwidth, link->sizes});
}

void add_bench(Page& page, const LinkBench& bench, const std::string& name) {
  for (const BenchRow& row : bench.rows) {
    const Cell none;
    const bool has_bytes = row.bytes > 0;
    page.tables[0].rows.push_back({name, row.collective, row.bytes, row.repetitions, row.fastest, row.median,
                                   row.p95, has_bytes ? Cell(row.algorithm_bandwidth) : none,
                                   has_bytes ? Cell(row.bus_bandwidth) : none, row.wrong});
  }
  add_link(page, name, kLinkOfAllReduces, bench.all_reduce);
  add_link(page, name, kLinkOfMessages, bench.message);
  page.notes.push_back(fmt::format("{}: {} on {} node{}, {}, {}.", name, bench.dtype, bench.nodes,
                                   bench.nodes == 1 ? "" : "s", bench.started, bench.path));
  for (std::string& sentence : bench_sentences(bench, name)) page.lead.push_back(std::move(sentence));
}

}  // namespace

Page bandwidth_page(const Analysis& analysis, const PageOptions&) {
  const std::vector<LinkBench>& benches = analysis.runs.benches;
  if (benches.empty())
    return {"Bandwidth",
            {"No file of commbench below these paths; mpirun -np N commbench --output PATH makes one."},
            {},
            {}};
  Page page{fmt::format("Bandwidth: {} file{} of commbench", benches.size(), benches.size() == 1 ? "" : "s"),
            {},
            {empty_rows(), empty_links()},
            {}};
  for (const LinkBench& bench : benches) add_bench(page, bench, bench_name(bench, benches.size()));
  if (page.tables[1].rows.empty()) page.tables.pop_back();
  page.notes.emplace_back("A time is that of the slowest rank, after a barrier.");
  page.notes.emplace_back(
      "The intervals come from resampling the repetitions of one launch, and hold for the machine as it was "
      "then.");
  return page;
}

}  // namespace lockstep
