// Faults and links whose cost is known, put into real runs of two ranks: analyze must find them, and as what
// they are. The injected times are slept, not computed, and far longer than all else; what is judged are
// shares of them. A machine with other work can still hold a run up by more than the tolerance:
// support/timed.hpp.
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "analysis/advice/advice.hpp"
#include "analysis/model/ablation.hpp"
#include "analysis/model/analysis.hpp"
#include "results/run_reader.hpp"
#include "support/temporary_folder.hpp"
#include "support/timed.hpp"

using namespace lockstep;
using namespace lockstep::test;
namespace fs = std::filesystem;

namespace {

using Q = Quantity;
using Settings = std::vector<std::string>;

constexpr double kNear = 0.05;
constexpr double kDelay = 0.5;  // seconds that the link adds to an all-reduce on two ranks
constexpr int kSteps = 6;

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
  Runs() { std::fclose(std::fopen((folder_ / "empty.yaml").c_str(), "w")); }
  Runs(const Runs&) = delete;
  Runs& operator=(const Runs&) = delete;

  void train(const std::string& name, std::initializer_list<Settings> more = {}) const {
    std::string command = "cd '" + folder_.path +
                          "' && '" MPIEXEC "' -np 2 '" TRAIN_DDP "' --config empty.yaml --quiet --output " +
                          name;
    for (const std::string& set : kUsual) command += " --set '" + set + "'";
    for (const Settings& sets : more)
      for (const std::string& set : sets) command += " --set '" + set + "'";
    REQUIRE(std::system(command.c_str()) == 0);
  }
  std::string path(const std::string& name) const { return folder_ / name; }
  Analysis analysed(const std::string& name) const { return {read_runs({path(name)}), Baseline::seq}; }

 private:
  TemporaryFolder folder_;
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

// Whether one rank is always the late one, and it is rank 1 by this phase.
bool waits_for_rank_1(const GroupSummary& group, LossPart phase) {
  if (!group.parallel.late) return false;
  const LateRank& late = *group.parallel.late;
  return late.lateness.kind == Straggler::persistent && late.lateness.rank == 1 && late.phase == phase;
}

Advice first_advice(const Analysis& analysis) {
  only_group(analysis);
  const std::vector<Predictor> predictors = predictors_of(analysis.summaries[0], analysis.baseline);
  REQUIRE(predictors.size() == 1);
  const std::vector<Advice> all = advice_for(predictors[0], analysis.summaries[0]);
  return all.empty() ? Advice{"nothing", {}, ""} : all[0];
}

// How long rank 0 waits for rank 1 in a mean step.
double waiting_for_rank_1(const GroupSummary& group) { return 2 * group.group->any().wait_caused.at(1); }

test::Claim near(const std::string& what, double found, double wanted, double tolerance = kNear) {
  return {what, std::abs(found - wanted) <= tolerance * wanted, found, wanted};
}

void check_no_training(const RunData& run, const std::string& ablation) {
  const bool computes = ablation == "no_comm";
  CHECK(run.header.status == "complete");
  CHECK(run.header.valid);
  CHECK(run.settings.at("parallel.ablation") == ablation);
  CHECK(std::isnan(run.epochs.at(0).validation_metric));
  CHECK(std::isnan(run.epochs.at(0).test_metric));
  CHECK(run.buckets.bytes.size() == 2);
  CHECK(run.comm.size() == (computes ? 0 : 2 * kSteps * run.buckets.bytes.size()));
  CHECK(run.steps.samples.at(1, 0) == 32);
  CHECK(run.steps.samples.at(1, 5) == (computes ? 32 : 0));
  CHECK(run.steps.forward.at(0, 0) > 0);
  CHECK((run.steps.forward.at(0, 5) > 0) == computes);
}

// Each attempt makes new runs, of two ranks.
void try_until_true(const std::function<std::vector<test::Claim>(const Runs&)>& attempt) {
  judge_times({.threads = 2}, [&] {
    Runs runs;
    return attempt(runs);
  });
}

}  // namespace

TEST_CASE("a link's delay is found as transfer") {
  try_until_true([](const Runs& runs) {
    runs.train("link", {kLink});
    const Analysis analysis = runs.analysed("link");
    const GroupSummary& group = only_group(analysis);
    const Launch& launch = group.group->any();
    REQUIRE(launch.setting("parallel.backend") == "sim");
    REQUIRE(launch.reductions.size() == 2);
    std::vector<test::Claim> claims;
    for (const MessageTime& message : launch.reductions) {
      CHECK(message.seconds >= kDelay);
      claims.push_back(near("an all-reduce", message.seconds, kDelay));
    }
    claims.push_back(near("transfer", group.steps.point[Q::transfer], 2 * kDelay));
    // The backward pass is far shorter than one delay: nearly nothing can be hidden.
    claims.push_back(near("exposed", group.steps.point[Q::comm_exposed], 2 * kDelay));
    return claims;
  });
}

TEST_CASE("so is one of 5 ms, a hundredth of a second a step") {
  try_until_true([](const Runs& runs) {
    runs.train("link", {{"parallel.link.latency_us=2500", "training.steps=60", "data.samples=4400"}});
    const Analysis analysis = runs.analysed("link");
    std::vector<test::Claim> claims;
    for (const MessageTime& message : only_group(analysis).group->any().reductions)
      claims.push_back(near("an all-reduce", message.seconds, 0.005));
    claims.push_back(near("transfer", only_group(analysis).steps.point[Q::transfer], 0.010));
    return claims;
  });
}

TEST_CASE(
    "a reduce-scatter takes half of it, and where the backward pass waits for a buffer it is communication") {
  try_until_true([](const Runs& runs) {
    runs.train("scattered", {kLink,
                             {"parallel.shard=gradients", "parallel.bucket_mb=0.0001",
                              "parallel.first_bucket_mb=0.0001", "training.grad_clip=1"}});
    const Analysis analysis = runs.analysed("scattered");
    const GroupSummary& group = only_group(analysis);
    const Launch& launch = group.group->any();
    CHECK(launch.reduced_by == "reduce_scatter");
    const auto buckets = static_cast<double>(launch.buckets.size());
    REQUIRE(buckets > 3);
    std::vector<test::Claim> claims;
    for (const MessageTime& message : launch.reductions)
      claims.push_back(near("a reduce-scatter", message.seconds, kDelay / 2));
    // Those, an all-gather of each bucket's parameters, and one of the norms; compute hides nearly nothing.
    const double all = (2 * buckets + 1) * kDelay / 2;
    claims.push_back(near("transfer", group.steps.point[Q::transfer], all));
    claims.push_back(near("exposed", group.steps.point[Q::comm_exposed], all));
    claims.push_back(truth("backward without it", mean_of(group, 0, Q::backward) < kDelay / 2));
    return claims;
  });
}

TEST_CASE("overlap hides what compute covers, and without it nothing is hidden") {
  // Backward passes of some 100 ms on both ranks, of which the first bucket needs the smaller part.
  const Settings long_compute = {
      "model.hidden=[512, 512, 512]", "training.global_batch=2048",   "data.samples=9000", "training.steps=8",
      "parallel.bucket_mb=2",         "parallel.link.latency_us=5000"};
  try_until_true([&](const Runs& runs) {
    runs.train("overlap", {long_compute});
    runs.train("after", {long_compute, {"parallel.overlap=false"}});
    const Analysis overlap = runs.analysed("overlap"), after = runs.analysed("after");
    const auto hidden = [](const Analysis& analysis) {
      return only_group(analysis).overlap_share.value_or(-1);
    };
    return std::vector<test::Claim>{truth("hidden by overlap", hidden(overlap) > 0.3),
                                    truth("hidden without", hidden(after) >= 0 && hidden(after) < 0.02)};
  });
}

TEST_CASE("a slow rank is found as waiting for it") {
  constexpr double kFactor = 101;
  try_until_true([](const Runs& runs) {
    runs.train("slow", {{"parallel.overlap=false", "parallel.link.slow_rank=1",
                         "parallel.link.slow_factor=" + std::to_string(kFactor)}});
    const Analysis analysis = runs.analysed("slow");
    const GroupSummary& group = only_group(analysis);
    const double compute = mean_of(group, 1, Q::forward) + mean_of(group, 1, Q::backward);
    const double injected = (1 - 1 / kFactor) * compute;
    return std::vector<test::Claim>{truth("it dominates", injected > 0.02),
                                    truth("rank 1, compute", waits_for_rank_1(group, LossPart::compute)),
                                    near("waiting", waiting_for_rank_1(group), injected)};
  });
}

TEST_CASE("a slow loader is found as data, and the others as waiting for its rank") {
  try_until_true([](const Runs& runs) {
    runs.train("usual");
    runs.train("slow", {{"parallel.link.slow_rank=1", "parallel.link.slow_factor=2000",
                         "parallel.link.slow_phase=data"}});
    const Analysis usual_runs = runs.analysed("usual"), slow_runs = runs.analysed("slow");
    const GroupSummary &usual = only_group(usual_runs), &slow = only_group(slow_runs);
    const double longer = slow.steps.point[Q::wall] - usual.steps.point[Q::wall];
    return std::vector<test::Claim>{
        truth("it dominates", longer > 0.05),
        near("data", mean_of(slow, 1, Q::data) - mean_of(usual, 1, Q::data), longer),
        truth("rank 1, data", waits_for_rank_1(slow, LossPart::data)),
        near("waiting", waiting_for_rank_1(slow), longer)};
  });
}

TEST_CASE("the first advice, followed, gains what it predicted within a factor of 1.5") {
  // Some 50 ms of compute a step.
  const Settings even = {"model.hidden=[512, 512]", "training.global_batch=1024", "data.samples=9000",
                         "training.steps=8",        "parallel.first_bucket_mb=1", "parallel.bucket_mb=25"};
  const Settings slow = {"parallel.link.slow_rank=1", "parallel.link.slow_factor=5"};
  const Settings slow_loading = {"parallel.link.slow_rank=1", "parallel.link.slow_factor=40",
                                 "parallel.link.slow_phase=data"};
  const Settings many_buckets = {"model.hidden=[24, 24, 24, 24, 24, 24]", "parallel.link.latency_us=5000"};
  // The settings of faulty runs, the advice that begins so, and the settings once it is followed; where that
  // is nothing, what is advised.
  struct Fault {
    Settings faulty, mended;
    std::string advice;
  };
  const Fault fault =
      GENERATE_COPY(Fault{slow, even, "check rank 1"}, Fault{slow_loading, even, "the loader of rank 1"},
                    Fault{many_buckets, {}, "parallel.bucket_mb "});
  try_until_true([&](const Runs& runs) {
    const bool of_rank = !fault.mended.empty();
    runs.train("faulty", {of_rank ? even : Settings{}, fault.faulty});
    const Analysis faulty = runs.analysed("faulty");
    const Advice advice = first_advice(faulty);
    std::vector<test::Claim> claims = {truth(advice.what, advice.what.starts_with(fault.advice))};
    if (!claims[0].holds) return claims;
    if (of_rank)
      runs.train("mended", {fault.mended});
    else
      runs.train("mended", {fault.faulty, {"parallel.bucket_mb=" + advice.what.substr(fault.advice.size())}});
    const Analysis mended = runs.analysed("mended");
    const double gain = only_group(mended).throughput.value / only_group(faulty).throughput.value;
    claims.push_back(truth("the fault weighs", gain > 1.5));
    const double ratio = gain / advice.gain.value;
    claims.push_back({"gain", ratio < 1.5 && ratio > 1 / 1.5, gain, advice.gain.value});
    return claims;
  });
}

TEST_CASE("ablations: the same exposed communication, and no training") {
  try_until_true([](const Runs& runs) {
    runs.train("all/whole", {kLink});
    for (const std::string ablation : {"no_comm", "comm_only"}) {
      CAPTURE(ablation);
      runs.train("all/" + ablation, {kLink, {"parallel.ablation=" + ablation}});
      check_no_training(read_run(find_some_runs({runs.path("all/" + ablation)}).at(0)), ablation);
    }
    const Analysis analysis = runs.analysed("all");
    const auto found = ablations_of(analysis.summaries.at(0));
    std::vector<test::Claim> claims = {truth("the budget is closed", found.size() == 1)};
    if (found.size() != 1) return claims;
    const AblationComparison& c = found[0];
    REQUIRE(c.no_comm);
    REQUIRE(c.comm_only);
    CHECK(c.comm_only->parallel.buckets.size() == c.whole->parallel.buckets.size());
    claims.push_back(truth("both agree", c.trust == AblationComparison::Trust::both));
    // What compute and MPI take longer beside it is in this one.
    claims.push_back(near("by ablation", c.exposed_by_ablation->value, 2 * kDelay, 2 * kNear));
    claims.push_back(near("alone", c.comm_alone->value, 2 * kDelay));
    return claims;
  });
}
