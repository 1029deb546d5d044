#include "train/binding.hpp"

#include <fmt/format.h>

#include <set>
#include <sstream>

#include "results/crowded_cores.hpp"

namespace lockstep {

namespace {

// "0-3 0-3 4" as "0-3 (2 threads), 4 (1 thread)": equal entries that follow each other once.
std::string grouped(const std::string& entries) {
  std::string text, before;
  std::int64_t count = 0;
  const auto close = [&] {
    if (count > 0)
      text +=
          fmt::format("{}{} ({} thread{})", text.empty() ? "" : ", ", before, count, count == 1 ? "" : "s");
    count = 0;
  };
  std::istringstream words(entries);
  for (std::string word; words >> word; ++count) {
    if (word != before) close();
    before = word;
  }
  close();
  return text;
}

std::string describe_rank(std::size_t number, const RankEnvironment& rank) {
  std::string text = fmt::format("  rank {}: {} on {}, {} threads, {} cores bound ({})\n", number,
                                 rank.device, rank.host, rank.threads, rank.cores_bound, rank.cpu);
  text += fmt::format("    NUMA nodes {}, {}; computes on cores {}", rank.numa_nodes,
                      rank.caches.empty() ? "caches unknown" : rank.caches, grouped(rank.thread_cores));
  return text + (rank.loader_threads > 0
                     ? fmt::format("; loads data on cores {} ({} thread{})\n", rank.loader_cores,
                                   rank.loader_threads, rank.loader_threads == 1 ? "" : "s")
                     : "\n");
}

}  // namespace

std::string crowded_cores_warning(const Setup& setup, const std::vector<RankEnvironment>& ranks) {
  const auto crowded = setup.device.is_cpu() ? find_crowded_cores(ranks) : std::nullopt;
  if (!crowded) return {};
  return "warning: " + fmt::format(fmt::runtime(kCrowdedCoresSentence), describe(*crowded));
}

std::string describe_binding(const Setup& setup, const std::vector<RankEnvironment>& ranks) {
  std::string text;
  std::set<std::string> hosts;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    if (hosts.insert(ranks[r].host).second)
      text += fmt::format("  {}: {}\n", ranks[r].host, ranks[r].machine);
    text += describe_rank(r, ranks[r]);
  }
  const std::string warning = crowded_cores_warning(setup, ranks);
  return warning.empty() ? text : text + "  " + warning + "\n";
}

}  // namespace lockstep
