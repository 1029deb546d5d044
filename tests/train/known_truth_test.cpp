// Faults and links whose cost is known, put into real runs of two ranks: analyze must find them, and as what
// they are. The injected times are slept, not computed, and far longer than all else, so that a busy machine
// does not matter.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "analysis/model/ablation.hpp"
#include "analysis/model/analysis.hpp"
#include "results/run_reader.hpp"
#include "support/catch.hpp"

using namespace lockstep;
namespace fs = std::filesystem;

namespace {

using Q = Quantity;
using Settings = std::vector<std::string>;

constexpr double kNear = 0.05;
constexpr double kDelay = 0.04;  // seconds that the link adds to an all-reduce on two ranks
constexpr int kSteps = 24;

// Two buckets a step, of about 3 and 650 KiB.
const Settings kUsual = {"model.name=mlp",
                         "model.hidden=[24, 24]",
                         "data.name=synthetic_images",
                         "data.shape=[3, 48, 48]",
                         "data.samples=1600",
                         "data.test_samples=64",
                         "data.cache=none",
                         "training.global_batch=64",
                         "training.steps=" + std::to_string(kSteps),
                         "parallel.device=cpu",
                         "parallel.threads=1",
                         "parallel.bucket_mb=0.002",
                         "parallel.first_bucket_mb=0.002",
                         "parallel.backend=sim"};
const Settings kLink = {"parallel.link.latency_us=" + std::to_string(kDelay / 2 * 1e6)};

// The runs of one test case.
class Runs {
 public:
  Runs() : folder_(fs::temp_directory_path() / ("known_truth." + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::fclose(std::fopen((folder_ / "empty.yaml").c_str(), "w"));
  }
  ~Runs() { fs::remove_all(folder_); }
  Runs(const Runs&) = delete;
  Runs& operator=(const Runs&) = delete;

  void train(const std::string& name, std::initializer_list<Settings> more = {}) {
    std::string command = "cd '" + folder_.string() +
                          "' && " MPIEXEC " -np 2 " TRAIN_DDP " --config empty.yaml --quiet --output " + name;
    for (const std::string& set : kUsual) command += " --set '" + set + "'";
    for (const Settings& sets : more)
      for (const std::string& set : sets) command += " --set '" + set + "'";
    REQUIRE(std::system(command.c_str()) == 0);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  Analysis analysed(const std::string& name) const { return {read_runs({path(name)}), Baseline::seq}; }

 private:
  fs::path folder_;
};

const GroupSummary& only_group(const Analysis& analysis) {
  REQUIRE(analysis.summaries.size() == 1);
  REQUIRE(analysis.summaries[0].groups.size() == 1);
  REQUIRE(analysis.summaries[0].groups[0].measured());
  return analysis.summaries[0].groups[0];
}

double mean_of(const GroupSummary& group, std::size_t rank, Q quantity) {
  return group.group->any().rank_steps.at(rank)[quantity];
}

// Rank 1 is always the late one, by this phase; gives how long rank 0 waits for it in a mean step.
double waiting_for_rank_1(const GroupSummary& group, const std::string& phase) {
  REQUIRE(group.parallel.late);
  const LateRank& late = *group.parallel.late;
  CHECK(late.lateness.kind == Straggler::persistent);
  CHECK(late.lateness.rank == 1);
  CHECK(late.phase == phase);
  return 2 * group.group->any().wait_caused.at(1);
}

}  // namespace

TEST_CASE("a link's delay is found as transfer") {
  Runs runs;
  runs.train("link", {kLink});
  const Analysis analysis = runs.analysed("link");
  const GroupSummary& group = only_group(analysis);
  const Launch& launch = group.group->any();
  REQUIRE(launch.setting("parallel.backend") == "sim");
  REQUIRE(launch.all_reduces.size() >= 2);
  for (const MessageTime& message : launch.all_reduces) {
    CAPTURE(message.bytes);
    CHECK(message.seconds >= kDelay);
    CHECK(message.seconds < (1 + kNear) * kDelay);
  }
  const double buckets = static_cast<double>(group.parallel.buckets.size());
  CHECK(group.steps.point[Q::transfer] == Approx(buckets * kDelay).epsilon(kNear));
  // The backward pass is far shorter than one delay: nearly nothing can be hidden.
  CHECK(group.steps.point[Q::comm_exposed] > (1 - kNear) * buckets * kDelay);
}

TEST_CASE("overlap hides what compute covers, and without it nothing is hidden") {
  // Backward passes of some 100 ms on both ranks, of which the first bucket needs the smaller part.
  const Settings long_compute = {
      "model.hidden=[512, 512, 512]", "training.global_batch=2048",   "data.samples=9000", "training.steps=8",
      "parallel.bucket_mb=2",         "parallel.link.latency_us=5000"};
  Runs runs;
  runs.train("overlap", {long_compute});
  runs.train("after", {long_compute, {"parallel.overlap=false"}});
  const Analysis overlap = runs.analysed("overlap"), after = runs.analysed("after");
  CHECK(*only_group(overlap).overlap_share > 0.3);
  CHECK(*only_group(after).overlap_share < 0.02);
}

TEST_CASE("a slow rank is found as waiting for it") {
  constexpr double kFactor = 31;
  Runs runs;
  runs.train("slow", {{"parallel.overlap=false", "parallel.link.slow_rank=1",
                       "parallel.link.slow_factor=" + std::to_string(kFactor)}});
  const Analysis analysis = runs.analysed("slow");
  const GroupSummary& group = only_group(analysis);
  const double compute = mean_of(group, 1, Q::forward) + mean_of(group, 1, Q::backward);
  const double injected = (1 - 1 / kFactor) * compute;
  REQUIRE(injected > 0.005);
  CHECK(waiting_for_rank_1(group, "compute") == Approx(injected).epsilon(kNear));
}

TEST_CASE("a slow loader is found as data, and the others as waiting for its rank") {
  Runs runs;
  runs.train("usual");
  runs.train("slow", {{"parallel.link.slow_rank=1", "parallel.link.slow_factor=200",
                       "parallel.link.slow_phase=data"}});
  const Analysis usual_runs = runs.analysed("usual"), slow_runs = runs.analysed("slow");
  const GroupSummary &usual = only_group(usual_runs), &slow = only_group(slow_runs);
  const double longer = slow.steps.point[Q::wall] - usual.steps.point[Q::wall];
  REQUIRE(longer > 0.01);
  CHECK(mean_of(slow, 1, Q::data) - mean_of(usual, 1, Q::data) == Approx(longer).epsilon(kNear));
  CHECK(waiting_for_rank_1(slow, "data") == Approx(longer).epsilon(kNear));
}

TEST_CASE("ablations: the same exposed communication, and no training") {
  Runs runs;
  runs.train("all/whole", {kLink});
  runs.train("all/no_comm", {kLink, {"parallel.ablation=no_comm"}});
  runs.train("all/comm_only", {kLink, {"parallel.ablation=comm_only"}});
  const Analysis analysis = runs.analysed("all");
  const auto found = ablations_of(analysis.summaries.at(0));
  REQUIRE(found.size() == 1);
  const AblationComparison& c = found[0];
  REQUIRE(c.no_comm);
  REQUIRE(c.comm_only);
  const double buckets = static_cast<double>(c.whole->parallel.buckets.size());
  CHECK(c.trust == AblationComparison::Trust::both);
  CHECK(c.exposed_by_ablation->value == Approx(buckets * kDelay).epsilon(2 * kNear));
  CHECK(c.comm_alone->value == Approx(buckets * kDelay).epsilon(kNear));

  for (const std::string name : {"no_comm", "comm_only"}) {
    CAPTURE(name);
    const RunData run = read_run(find_some_runs({runs.path("all/" + name)}).at(0));
    CHECK(run.header.status == "complete");
    CHECK(run.header.valid);
    CHECK(run.settings.at("parallel.ablation") == name);
    CHECK(std::isnan(run.epochs.at(0).validation_metric));
    CHECK(std::isnan(run.epochs.at(0).test_metric));
    const bool computes = name == "no_comm";
    CHECK(run.comm.size() == (computes ? 0 : 2 * kSteps * run.buckets.bytes.size()));
    CHECK(run.steps.samples.at(1, 0) == 32);
    CHECK(run.steps.samples.at(1, 5) == (computes ? 32 : 0));
    CHECK(run.steps.forward.at(0, 0) > 0);
    CHECK((run.steps.forward.at(0, 5) > 0) == computes);
  }
  // The same buckets with as without compute.
  CHECK(c.comm_only->parallel.buckets.size() == c.whole->parallel.buckets.size());
}
