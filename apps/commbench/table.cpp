#include "apps/commbench/table.hpp"

#include <fmt/format.h>

#include "analysis/model/link_bench.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/runs/launch.hpp"
#include "analysis/tables/bench_words.hpp"

namespace lockstep {

namespace {

// Microseconds in seven places, whatever their size.
std::string microseconds(double seconds) {
  const double us = seconds * 1e6;
  return fmt::format("{:.{}f}", us, us < 100 ? 2 : us < 10000 ? 1 : 0);
}

std::string link_line(const char* fitted_to, const std::optional<BenchLink>& link) {
  if (!link) return "";
  return fmt::format("# link behind {}: latency {} us, bandwidth {} GB/s ({} sizes)\n", fitted_to,
                     with_interval(link->latency, 1e6), with_interval(link->bandwidth, 1e-9), link->sizes);
}

}  // namespace

std::string bench_title(const CommBench& bench, const BenchOptions& options) {
  std::string out = fmt::format(
      "# commbench: back end {}, {} ranks on {} node(s), minBytes {} maxBytes {} step: {}(factor) warmup "
      "iters: {} iters: {} at most\n",
      bench.backend, bench.ranks.size(), nodes_of(bench.ranks), options.least, options.most, options.factor,
      options.warmup, options.iterations);
  for (std::size_t r = 0; r < bench.ranks.size(); ++r)
    out += fmt::format("#   Rank {:>3} on {} device {}, {}\n", r, bench.ranks[r].host, bench.ranks[r].device,
                       bench.ranks[r].cpu);
  return out;
}

std::string bench_heading(const std::string& collective) {
  return fmt::format(
      "#\n# {}\n# {:>11} {:>12} {:>9} {:>7} {:>6} {:>9} {:>8} {:>8} {:>7} {:>9} {:>6}\n# {:>11} {:>12} {:>9} "
      "{:>7} {:>6} {:>9} {:>8} {:>8} {:>7} {:>9} {:>6}\n",
      collective, "size", "count", "type", "redop", "root", "time", "algbw", "busbw", "#wrong", "p95",
      "iters", "(B)", "(elements)", "", "", "", "(us)", "(GB/s)", "(GB/s)", "", "(us)", "");
}

std::string bench_line(const CommBenchCase& one, const ElementType& type, const char* redop) {
  const BenchRow row = row_of(one);
  const auto element = static_cast<std::int64_t>(c10::elementSize(type.type));
  return fmt::format("  {:>11} {:>12} {:>9} {:>7} {:>6} {:>9} {:>8.2f} {:>8.2f} {:>7} {:>9} {:>6}\n",
                     row.bytes, row.bytes / element, type.nccl_name, redop, row.root,
                     microseconds(row.median), row.algorithm_bandwidth / 1e9, row.bus_bandwidth / 1e9,
                     row.wrong, microseconds(row.p95), row.repetitions);
}

std::string bench_links(const CommBench& bench) {
  const LinkBench links = reduce_bench(bench, "");
  const std::string lines =
      link_line(kLinkOfAllReduces, links.all_reduce) + link_line(kLinkOfMessages, links.message);
  return lines.empty() ? "" : "#\n" + lines;
}

}  // namespace lockstep
