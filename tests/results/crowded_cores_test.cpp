#include "results/crowded_cores.hpp"

#include <limits>

#include "support/catch.hpp"

using namespace lockstep;

namespace {

RankEnvironment rank_on(const std::string& cores, std::int64_t threads,
                        const std::string& thread_cores = {}) {
  RankEnvironment rank;
  rank.host = "node";
  rank.cores = cores;
  rank.cores_bound = CoreSet(cores).size();
  rank.threads = threads;
  rank.thread_cores = thread_cores;
  return rank;
}

std::string said(const std::vector<RankEnvironment>& ranks) {
  const auto crowded = find_crowded_cores(ranks);
  return crowded ? describe(*crowded) : "";
}

constexpr const char* kFewer = "start fewer ranks there, or set parallel.threads";
constexpr const char* kApart =
    "give each its own, by the launcher's binding or OMP_PROC_BIND, or set parallel.threads";

}  // namespace

TEST_CASE("a set of cores is what its text says, and as large as its text") {
  CHECK(CoreSet("0-3,8").size() == 5);
  CHECK(CoreSet("0 1 2 3 8").size() == 5);
  CHECK(CoreSet("3,1-2,2-5,0").size() == 6);
  CHECK(CoreSet("").empty());
  CHECK(CoreSet("-1,x,7-3,99999999999").empty());
  CHECK(CoreSet("0-2147483647").size() == std::int64_t{1} << 31);
  CHECK(CoreSet("0-3,8").contains(CoreSet("1-2,8")));
  CHECK_FALSE(CoreSet("0-3,8").contains(CoreSet("3-4")));
  CHECK_FALSE(CoreSet("0-3,8").contains(CoreSet("9")));
  CoreSet both("0-1,4");
  both.add(CoreSet("2-3,9"));
  CHECK(both.size() == 6);
  CHECK(both.contains(CoreSet("0-4")));
}

TEST_CASE("threads that have cores of their own are not crowded") {
  CHECK(said({rank_on("0 1", 2), rank_on("2 3", 2)}).empty());
  CHECK(said({rank_on("0 1 2 3", 2), rank_on("0 1 2 3", 2)}).empty());
  CHECK(said({rank_on("0 1", 2, "0 1"), rank_on("2 3", 2, "2-3 2-3")}).empty());
}

TEST_CASE("more threads than cores are crowded, on the host that is worst") {
  CHECK(said({rank_on("0 1", 4)}) == std::string("4 threads of 1 rank on 2 cores of 'node'; ") + kFewer);
  CHECK(said({rank_on("0 1", 2), rank_on("0 1", 2)}) ==
        std::string("4 threads of 2 ranks on 2 cores of 'node'; ") + kFewer);
  std::vector<RankEnvironment> hosts = {rank_on("0 1", 3), rank_on("0 1", 8)};
  hosts[1].host = "other";
  CHECK(said(hosts) == std::string("8 threads of 1 rank on 2 cores of 'other'; ") + kFewer);
}

// On the whole host there is room, so sums over the host do not show it.
TEST_CASE("a rank with too few cores is crowded beside one with too many") {
  CHECK(said({rank_on("0", 2), rank_on("1 2 3 4 5 6 7", 1)}) ==
        std::string("2 threads of 1 rank on 1 core of 'node'; ") + kApart);
  CHECK(said({rank_on("0 1", 2), rank_on("0 1", 2), rank_on("2 3 4 5", 2)}) ==
        std::string("4 threads of 2 ranks on 2 cores of 'node'; ") + kApart);
}

// As OMP_PROC_BIND does where the launcher bound no rank: each rank's first thread goes to the first core.
TEST_CASE("threads that are bound to one core are crowded, though their ranks have more") {
  CHECK(said({rank_on("0 1 2 3", 2, "0 1"), rank_on("0 1 2 3", 2, "0 1")}) ==
        std::string("2 threads of 2 ranks on 1 core of 'node'; ") + kApart);
}

TEST_CASE("a quota of the control group is a number of cores") {
  std::vector<RankEnvironment> ranks = {rank_on("0 1 2 3", 2), rank_on("0 1 2 3", 2)};
  for (RankEnvironment& rank : ranks) rank.cpu_quota = 2.5;
  CHECK(said(ranks) == std::string("4 threads of 2 ranks on 2.5 cores of 'node'; ") + kFewer);
}

// A file may say anything: it costs what its text costs.
TEST_CASE("numbers that no machine has are looked at in no time") {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK(said({rank_on("0-9", most), rank_on("0-9", most)}).find(" threads of 2 ranks on 10 cores") !=
        std::string::npos);
  CHECK(said({rank_on("0-2147483647", 5)}).empty());
  CHECK(said({rank_on("0-3", 5, std::string(1 << 20, '-'))}) ==
        std::string("5 threads of 1 rank on 4 cores of 'node'; ") + kFewer);
}
