#include "analysis/runs/group.hpp"

#include <set>

#include "analysis/support/synthetic_run.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::multiset<std::string> labels(const std::vector<RunData>& runs) {
  const RunSet set = make_set(runs);
  std::multiset<std::string> found;
  for (const Workload& workload : group_launches(set.launches))
    for (const LaunchGroup& group : workload.groups)
      found.insert(group.label + ": " + std::to_string(group.launches.size()));
  return found;
}

using Labels = std::multiset<std::string>;

}  // namespace

TEST_CASE("launches that differ in seed, name and paths alone are one group") {
  std::vector<RunData> runs = usual_runs();
  runs[0].settings["run.name"] = "mine";
  runs[2].settings["data.path"] = "elsewhere";
  runs[4].settings["checkpoint.keep"] = "7";
  CHECK(labels(runs) == Labels{"seq: 3", "ddp x2: 3"});
}

TEST_CASE("groups that would have one label are told apart by what differs") {
  std::vector<RunData> runs = usual_runs();
  SECTION("a key") {
    runs[1].settings["parallel.overlap"] = "false";
    CHECK(labels(runs) == Labels{"seq: 3", "ddp x2 overlap=false: 1", "ddp x2 overlap=true: 2"});
  }
  SECTION("hardware") {
    runs[1].fingerprint = "ffff0000ffff0000";
    CHECK(labels(runs) == Labels{"seq: 3", "ddp x2 hardware=00112233: 2", "ddp x2 hardware=ffff0000: 1"});
  }
  SECTION("threads, where they compute") {
    for (RankEnvironment& rank : runs[1].ranks) rank.threads = 8;
    CHECK(labels(runs) == Labels{"seq: 3", "ddp x2 threads=1: 2", "ddp x2 threads=8: 1"});
    for (RunData& run : runs) run.settings["parallel.device"] = "cuda";
    CHECK(labels(runs) == Labels{"seq: 3", "ddp x2: 3"});
  }
  SECTION("a version") {
    runs[1].environment["commit"] = "def";
    CHECK(labels(runs) == Labels{"seq: 3", "ddp x2 commit=abc1234: 2", "ddp x2 commit=def: 1"});
  }
  SECTION("the rows behind one seed") {
    RunData again = runs[1];
    again.header.uuid = "again";
    again.data.digest = "other rows";
    runs.push_back(again);
    CHECK(labels(runs) == Labels{"seq: 3", "ddp x2 #1: 3", "ddp x2 #2: 1"});
  }
}

TEST_CASE("models and data sets are workloads of their own") {
  std::vector<RunData> runs = usual_runs();
  runs[0].model.name = "cnn";
  runs[2].data.name = "mnist";
  const RunSet set = make_set(runs);
  CHECK(group_launches(set.launches).size() == 3);
}

TEST_CASE("a run that must not be used stands beside those of its configuration") {
  std::vector<RunData> runs = usual_runs();
  runs[1].header.status = "interrupted";
  const RunSet set = make_set(runs);
  const std::vector<Workload> workloads = group_launches(set.launches);
  REQUIRE(workloads.size() == 1);
  REQUIRE(workloads[0].groups.size() == 2);
  CHECK(workloads[0].groups[1].launches.size() == 2);
  CHECK(workloads[0].groups[1].left_out.size() == 1);
}

TEST_CASE("sequential comes first, then rising ranks") {
  const RunSet set =
      make_set({make_run(usual_ddp(1, 16)), make_run(usual_ddp(1, 2)), make_run(usual_seq(1))});
  const std::vector<Workload> workloads = group_launches(set.launches);
  REQUIRE(workloads[0].groups.size() == 3);
  CHECK(workloads[0].groups[0].label == "seq");
  CHECK(workloads[0].groups[1].label == "ddp x2");
  CHECK(workloads[0].groups[2].label == "ddp x16");
}
