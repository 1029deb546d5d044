#include "apps/sweep/plan.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

std::string base_config() {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("lockstep_plan_test_" + std::to_string(getpid()) + ".yaml"))
          .string();
  std::ofstream(path) << "model: {name: mlp}\ndata: {name: synthetic_images}\n"
                         "training: {epochs: 1, global_batch: 24}\n";
  return path;
}

SweepFile sweep_of(std::vector<SweepAxis> axes) {
  SweepFile sweep;
  sweep.config = base_config();
  sweep.axes = std::move(axes);
  return sweep;
}

std::vector<std::string> labels(const SweepPlan& plan) {
  std::vector<std::string> all;
  for (const SweepPoint& point : plan.points) all.push_back(point.label);
  return all;
}

std::string refusal(const SweepFile& sweep) {
  try {
    plan_sweep(sweep);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

using Labels = std::vector<std::string>;

}  // namespace

TEST_CASE("The points are all combinations that a program can run; seq is one") {
  const SweepPlan plan =
      plan_sweep(sweep_of({{"mode", {"seq", "ddp", "mp", "hybrid"}}, {"ranks", {"1", "2", "4"}}}));
  CHECK(labels(plan) == Labels{"seq", "ddp x1", "ddp x2", "ddp x4", "mp x2", "mp x4", "hybrid x4"});
  CHECK(plan.left_out == Labels{"mp x1: mp takes 2 ranks or more",
                                "hybrid x1: hybrid takes 4 ranks or more, an even number",
                                "hybrid x2: hybrid takes 4 ranks or more, an even number"});
  CHECK(plan.points[0].program == "train_seq");
  CHECK(plan.points[6].sets == Labels{"parallel.stages=2"});
}

TEST_CASE("The baseline is there when only larger numbers of ranks are asked for") {
  CHECK(labels(plan_sweep(sweep_of({{"mode", {"seq", "ddp"}}, {"ranks", {"2"}}}))) ==
        Labels{"seq", "ddp x2"});
}

TEST_CASE("A point is known by its resolved configuration, whatever says it") {
  SweepFile by_default = sweep_of({{"mode", {"ddp"}}, {"ranks", {"2"}}});
  SweepFile by_set = by_default;
  by_set.sets = {"training.optimizer.lr=1.0e-3"};  // the default
  SweepFile other = by_default;
  other.sets = {"training.optimizer.lr=2.0e-3"};
  const std::string id = plan_sweep(by_default).points.front().id;
  CHECK(plan_sweep(by_set).points.front().id == id);
  CHECK(plan_sweep(other).points.front().id != id);
  CHECK(id.starts_with("ddp_2r_"));
}

TEST_CASE("Axes of keys and configurations are told apart by their values") {
  const SweepPlan plan = plan_sweep(sweep_of({{"mode", {"ddp"}}, {"training.global_batch", {"24", "48"}}}));
  CHECK(labels(plan) == Labels{"ddp x1, training.global_batch=24", "ddp x1, training.global_batch=48"});
}

TEST_CASE("Exclusions leave out what has all of their values") {
  SweepFile sweep = sweep_of({{"mode", {"ddp", "mp"}}, {"ranks", {"2", "4"}}});
  sweep.exclude = {{{"mode", {"mp"}}, {"ranks", {"4", "8"}}}};
  CHECK(labels(plan_sweep(sweep)) == Labels{"ddp x2", "ddp x4", "mp x2"});
  sweep.exclude = {{{"mode", {"ddp", "mp"}}}};
  CHECK(refusal(sweep) == "no run is left: 'exclude' leaves all of them out");
}

TEST_CASE("What is wrong is said before anything runs") {
  CHECK(refusal(sweep_of({{"mode", {"ddp"}}, {"training.lrr", {"1"}}})) ==
        "the run 'ddp x1': --set: unknown key 'training.lrr'; did you mean 'training.optimizer.lr'?");
  CHECK(refusal(sweep_of({{"mode", {"ddp"}}, {"training.epochs", {"1", "01"}}})).find("octal") !=
        std::string::npos);
  CHECK(refusal(sweep_of({{"mode", {"ddp"}}, {"training.optimizer.lr", {"1.0e-3", "0.001"}}})) ==
        "'ddp x1, training.optimizer.lr=1.0e-3' and 'ddp x1, training.optimizer.lr=0.001' are the same run; "
        "remove "
        "one value of an axis");
  CHECK(refusal(sweep_of({{"mode", {"ddp"}}, {"model.name", {"mlpp"}}})).find("did you mean 'mlp'") !=
        std::string::npos);
}
