#include "analysis/support/synthetic_bench.hpp"

#include <algorithm>

#include "analysis/metrics/link_model.hpp"
#include "base/random.hpp"

namespace lockstep::test {

namespace {

CommBenchCase make_case(const SyntheticBench& s, const std::string& collective, std::int64_t bytes,
                        double seconds, bool all_ranks, RandomStream& random) {
  CommBenchCase one{collective, bytes, -1, 0, Matrix<double>(s.ranks, s.repetitions)};
  for (std::int64_t k = 0; k < s.repetitions; ++k) {
    const double transfer = seconds * std::max(0.1, 1 + s.noise * random.normal());
    for (std::int64_t r = 0; r < s.ranks; ++r) {
      const bool waits = all_ranks && r + 1 < s.ranks;
      one.seconds.at(r, k) = all_ranks || r == 0 ? transfer + (waits ? s.late : 0) : 0;
    }
  }
  return one;
}

}  // namespace

CommBench make_bench(const SyntheticBench& s) {
  CommBench bench;
  bench.header.uuid = s.uuid;
  bench.header.status = "complete";
  bench.header.started = s.started;
  bench.backend = s.backend;
  bench.dtype = "fp32";
  bench.fingerprint = s.fingerprint;
  for (int r = 0; r < s.ranks; ++r) {
    RankEnvironment rank;
    rank.host = s.hosts[static_cast<std::size_t>(r) % s.hosts.size()];
    rank.device = "cpu";
    bench.ranks.push_back(rank);
  }
  RandomStream random({7});
  const Link link{s.latency, s.bandwidth};
  for (std::int64_t bytes = 4; bytes <= 64 << 20; bytes *= 4) {
    const auto size = static_cast<double>(bytes);
    bench.cases.push_back(make_case(s, "all_reduce", bytes, link.all_reduce(size, s.ranks), true, random));
    bench.cases.push_back(make_case(s, "send_recv", bytes, link.message(size), false, random));
  }
  bench.cases.push_back(make_case(s, "barrier", 0, s.latency, true, random));
  return bench;
}

}  // namespace lockstep::test
