#include "analysis/tables/bench_words.hpp"

#include <fmt/format.h>

#include "analysis/quantities/numbers.hpp"

namespace lockstep {

namespace {

void add_link(std::vector<std::string>& sentences, const std::string& name, const char* of,
              const std::optional<BenchLink>& link) {
  if (link)
    sentences.push_back(fmt::format("{}: {} show a link of {} us and {} GB/s.", name, of,
                                    with_interval(link->latency, 1e6), with_interval(link->bandwidth, 1e-9)));
}

}  // namespace

std::string bench_name(const LinkBench& bench, std::size_t benches) {
  const std::string name = fmt::format("{} x{}", bench.backend, bench.ranks);
  return benches > 1 ? fmt::format("{} {}", name, bench.uuid.substr(0, 8)) : name;
}

std::vector<std::string> bench_sentences(const LinkBench& bench, const std::string& name) {
  std::vector<std::string> sentences;
  add_link(sentences, name, kLinkOfAllReduces, bench.all_reduce);
  add_link(sentences, name, kLinkOfMessages, bench.message);
  std::int64_t wrong = 0;
  for (const BenchRow& row : bench.rows) wrong += row.wrong;
  if (wrong > 0)
    sentences.push_back(
        fmt::format("{}: {} elements of results were wrong; its numbers are not used.", name, wrong));
  else if (!bench.usable)
    sentences.push_back(fmt::format("{}: did not finish; its numbers are not used.", name));
  return sentences;
}

}  // namespace lockstep
