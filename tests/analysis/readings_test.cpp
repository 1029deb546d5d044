// What numbers and names of other projects' results mean, and where two readings fit.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "analysis/import/claims.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "base/error.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

bool has(const ImportedClaims& claims, const std::string& code) {
  return std::any_of(claims.findings.begin(), claims.findings.end(),
                     [&](const auto& f) { return f.code == code; });
}

std::string rows(const std::string& header, const std::vector<std::pair<double, double>>& values) {
  std::string text = header + "\n";
  for (const auto& [epoch, time] : values) text += fmt::format("{},{}\n", epoch, time);
  return text;
}

std::vector<double> seconds_of(const ImportedRun& run) {
  std::vector<double> seconds;
  for (const ImportedEpoch& e : run.epochs) seconds.push_back(e.seconds);
  return seconds;
}

// What comes of files by these names and with these texts.
std::vector<ImportedRun> runs_of_files(const std::vector<std::pair<std::string, std::string>>& files) {
  const TemporaryFolder folder;
  std::vector<std::string> paths, left_out;
  for (const auto& [name, text] : files) {
    paths.push_back(folder / name);
    std::filesystem::create_directories(std::filesystem::path(paths.back()).parent_path());
    std::ofstream(paths.back()) << text;
  }
  auto runs = read_artefacts(paths, left_out);
  CAPTURE(left_out);
  CHECK(left_out.empty());
  return runs;
}

const ImportedRun& run_named(const std::vector<ImportedRun>& runs, const std::string& name) {
  for (const ImportedRun& run : runs)
    if (run.label() == name) return run;
  FAIL("no run is called " << name);
  return runs.front();
}

std::string assumptions(const ImportedRun& run) {
  std::string all;
  for (const std::string& line : run.assumed) all += line + "\n";
  return all;
}

}  // namespace

TEST_CASE("times that only grow are totals since the start, and an epoch takes the difference") {
  const auto read = [](const std::string& text) { return runs_of_csv(text, "x/ddp_2gpu.csv").at(0); };
  const ImportedRun total = read(rows("epoch,time", {{1, 35}, {2, 65}, {3, 95}, {4, 125}}));
  CHECK(seconds_of(total) == std::vector<double>{35, 30, 30, 30});
  CHECK(says(assumptions(total), "taken as totals since the start"));
  const ImportedRun resumed = read(rows("epoch,time", {{51, 1530}, {52, 1560}, {53, 1590}}));
  CHECK(std::isnan(resumed.epochs[0].seconds));
  CHECK(resumed.epochs[2].seconds == 30);
  const ImportedRun again = read(rows(
      "epoch,time", {{1, 30}, {2, 60}, {3, 90}, {4, 120}, {5, 150}, {6, 180}, {7, 30}, {8, 60}, {9, 90}}));
  CHECK(again.epochs[5].seconds == 30);
  CHECK(std::isnan(again.epochs[6].seconds));  // what it did before it was started again is not known
  CHECK(again.epochs[7].seconds == 30);
  const ImportedRun clock = read(rows("epoch,Wall time", {{0, 1.7e9}, {1, 1.7e9 + 30}, {2, 1.7e9 + 60}}));
  CHECK(std::isnan(clock.epochs[0].seconds));
  CHECK(clock.epochs[1].seconds == 30);
  const ImportedRun elapsed = read(rows("epoch,elapsed", {{1, 20}, {2, 40}}));
  CHECK(seconds_of(elapsed) == std::vector<double>{20, 20});
  const ImportedRun slower = read(rows("epoch,time", {{1, 10.1}, {2, 10.2}, {3, 10.3}}));
  CHECK(seconds_of(slower) == std::vector<double>{10.1, 10.2, 10.3});
  for (const char* unclear : {"epoch,time", "epoch,epoch_time"}) {
    const ImportedRun two = read(rows(unclear, {{1, 20}, {2, 40}}));
    CHECK(says(two.unclear, "its times only grow, from 20.0 to 40.0 s: per epoch, or since the start"));
    CHECK(std::isnan(two.epochs[1].seconds));
  }
  const std::vector<ImportedRun> runs = {read(rows("epoch,epoch_time", {{1, 30}, {2, 60}, {3, 90}}))};
  CHECK(has(claims_of(runs), "two-readings"));
}

TEST_CASE("files named alike in folders are called by the folders and compared with each other") {
  const auto runs =
      runs_of_files({{"a/single_gpu/results.csv", rows("epoch,time", {{1, 35}, {2, 65}, {3, 95}})},
                     {"a/ddp_2gpu/results.csv", rows("epoch,time", {{1, 23}, {2, 41}, {3, 59}})}});
  const ImportedClaims claims = claims_of(runs);
  CHECK(run_named(runs, "single_gpu").ranks == 1);
  CHECK(run_named(runs, "ddp_2gpu").ranks == 2);
  CHECK(claims.claims[1].apparent_speedup == Approx(30.0 / 18));
  const auto one = runs_of_files(
      {{"4gpus/single.csv", "epoch,time\n1,5\n2,5\n"}, {"4gpus/ddp.csv", "epoch,time\n1,2\n2,2\n"}});
  CHECK(run_named(one, "single").ranks == 1);
  CHECK(run_named(one, "ddp").ranks == 4);
}

TEST_CASE("the files of the ranks of one run are one run") {
  std::vector<std::pair<std::string, std::string>> files;
  for (int ranks = 1; ranks <= 3; ++ranks)
    for (int rank = 0; rank < ranks; ++rank)
      files.emplace_back(fmt::format("speedup_ws{}_rank{}.json", ranks, rank),
                         fmt::format(R"({{"experiment": "speedup", "world_size": {}, "rank": {}, "metrics": {{
                           "epoch_times": [{}, 4.6], "accuracies": [0.8, 0.9]}}}})",
                                     ranks, rank, 9.0 / ranks + 0.1 * rank));
  const auto runs = runs_of_files(files);
  REQUIRE(runs.size() == 3);
  const ImportedRun& three = run_named(runs, "speedup_ws3");
  CHECK(three.ranks == 3);
  CHECK(three.epochs[0].seconds == Approx(3.2));  // the slowest rank's
  CHECK(says(assumptions(three), "the files of 3 ranks are taken as one run"));
  CHECK(run_named(runs, "speedup_ws1").mode == "seq");
  const auto column = runs_of_files({{"log.csv", "epoch,rank,time\n1,0,5\n1,1,6\n2,0,5\n2,1,4\n"}});
  REQUIRE(column.size() == 1);
  CHECK(seconds_of(column[0]) == std::vector<double>{6, 5});
  CHECK(column[0].ranks == 2);
  const auto by_name =
      runs_of_files({{"ddp_rank0.csv", "epoch,time\n1,5\n"}, {"ddp_rank1.csv", "epoch,time\n1,7\n"}});
  REQUIRE(by_name.size() == 1);
  CHECK(by_name[0].name == "ddp");
  CHECK(by_name[0].epochs[0].seconds == 7);
}

TEST_CASE("a list of epochs is one run, called as the list is") {
  const std::string text =
      R"({"single_gpu": [{"epoch": 1, "train_loss": 1.0, "time": 10.1}, {"epoch": 2, "time": 10.3}],
                              "ddp_2gpu": [{"epoch": 1, "time": 6.1}, {"epoch": 2, "time": 6.3}]})";
  const auto runs = runs_of_json(text, "history.json");
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].name == "single_gpu");
  CHECK(runs[0].epochs.size() == 2);
  CHECK(claims_of(runs).claims[1].apparent_speedup == Approx(10.2 / 6.2));
  const auto hugging = runs_of_json(
      R"({"best": null, "log_history": [{"epoch": 1.0, "loss": 0.9, "step": 10}, {"epoch": 1.0, "eval_loss": 0.8},
                                       {"epoch": 2.0, "loss": 0.5}, {"epoch": 2.0, "eval_loss": 0.6}]})",
      "ddp_2gpu/trainer_state.json");
  REQUIRE(hugging.size() == 1);
  CHECK(hugging[0].name == "ddp_2gpu");
  REQUIRE(hugging[0].epochs.size() == 2);
  CHECK(hugging[0].epochs[1].train_loss == 0.5);
  CHECK(hugging[0].epochs[1].validation_loss == 0.6);
  const auto table = runs_of_csv("epoch,train_loss,val_loss\n1,0.9,\n1,,0.8\n2,0.5,\n2,,0.6\n", "x.csv");
  REQUIRE(table[0].epochs.size() == 2);
  CHECK(table[0].epochs[1].validation_loss == 0.6);
  const auto runtime =
      runs_of_json(R"({"epoch": 3.0, "train_loss": 0.4, "train_runtime": 90.0})", "ddp/train_results.json");
  CHECK(runtime[0].epochs[0].seconds == 30);
  try {
    runs_of_json(R"({"ddp": [{"time": 5, "loss": 1}, {"time": 6, "loss": 2}]})", "x.json");
    FAIL("a list that can be read in two ways was read");
  } catch (const Error& error) {
    CHECK(says(error.what(), "'ddp' is a list of 2 results: runs, or epochs of one?"));
  }
}

TEST_CASE("a total is divided by its epochs; a single time may be of either") {
  const auto runs = runs_of_json(R"([{"method": "single", "time": 300.0, "world_size": 1, "epochs": 10},
                                     {"method": "DDP", "time": 200.0, "world_size": 2, "epochs": 5}])",
                                 "compare.json");
  CHECK(claims_of(runs).claims[0].epoch_seconds == 30);
  CHECK(claims_of(runs).claims[1].apparent_speedup == Approx(0.75));
  CHECK(says(assumptions(runs[1]), "its only time, 200 s, is taken as the total of its 5 epochs"));
  const auto table = runs_of_csv("method,gpus,epochs,total_time\nsingle,1,10,300\nddp,2,5,200\n", "t.csv");
  CHECK(claims_of(table).claims[1].apparent_speedup == Approx(0.75));
  const auto above = runs_of_json(
      R"({"epochs": 4, "single": {"total_time": 40}, "ddp": {"gpus": 2, "total_time": 20}})", "t.json");
  CHECK(claims_of(above).claims[1].epoch_seconds == 5);
  const auto losses = runs_of_json(R"({"seq": {"time": 40, "loss": [3, 2, 1, 0.5]}})", "t.json");
  CHECK(claims_of(losses).claims[0].epoch_seconds == 10);
  CHECK(says(runs_of_json(R"({"seq": {"total_time": 40}})", "t.json").at(0).unclear, "no number of epochs"));
  const auto mixed = runs_of_files({{"m/single.json", R"({"single": {"time": 100}})"},
                                    {"m/ddp.json", R"({"ddp_2gpu": {"epoch_times": [6, 6]}})"}});
  CHECK(says(run_named(mixed, "single").unclear, "its only time, 100 s, may be that of one epoch or of all"));
}

TEST_CASE("numbers above the runs are a summary of them, and do not hide them") {
  const auto runs =
      runs_of_json(R"({"model": "resnet18", "total_time": 480.0, "best_accuracy": 91.2, "results": {
                                       "single_gpu": {"epoch_times": [10.0, 10.1]}, "ddp_2gpu": {"epoch_times": [6.0, 6.1]}}})",
                   "nested.json");
  REQUIRE(runs.size() == 2);
  CHECK(runs[1].name == "ddp_2gpu");
  CHECK(says(assumptions(runs[0]), "taken as a summary of its runs"));
  const auto end =
      runs_of_json(R"({"ddp_2gpu": {"epoch_times": [6.0, 6.1], "final": {"accuracy": 0.9}}})", "x.json");
  REQUIRE(end.size() == 1);
  CHECK(end[0].epochs.size() == 2);
  const auto devices =
      runs_of_json(R"({"ddp": {"gpus": [0, 1, 2], "num_workers": 8, "epoch_times": [6.0]}})", "x.json");
  CHECK(devices[0].ranks == 3);
}

TEST_CASE("devices may be said one level up") {
  const auto numbers =
      runs_of_json(R"({"gpus": {"1": {"epoch_times": [8]}, "2": {"epoch_times": [5]}}})", "x.json");
  REQUIRE(numbers.size() == 2);
  CHECK(numbers[0].mode == "seq");
  CHECK(numbers[1].ranks == 2);
  const auto keys =
      runs_of_json(R"({"2_gpus": {"ddp": {"epoch_times": [5]}, "dp": {"epoch_times": [6]}}})", "x.json");
  CHECK(keys[0].name == "ddp");
  CHECK(keys[1].ranks == 2);
  const auto modes =
      runs_of_json(R"({"ddp": {"2_gpus": {"epoch_times": [5]}, "4_gpus": {"epoch_times": [3]}}})", "x.json");
  CHECK(modes[1].name == "ddp 4_gpus");
  CHECK(modes[1].mode == "ddp");
  CHECK(modes[1].ranks == 4);
  const auto folders = runs_of_files({{"4gpus/ddp/metrics.csv", "epoch,time\n1,5\n2,5\n"}});
  CHECK(folders[0].name == "ddp");
  CHECK(folders[0].ranks == 4);
}

TEST_CASE("repeated runs, numbered: one device is what is said to be one, and no number of a run is") {
  std::vector<std::pair<std::string, std::string>> files;
  for (int run = 1; run <= 3; ++run) {
    files.emplace_back(fmt::format("seq_run{}.csv", run),
                       fmt::format("epoch,train_time\n1,{}\n2,10\n", 10 + run));
    files.emplace_back(fmt::format("ddp_2gpu_run{}.csv", run), "epoch,train_time\n1,6\n2,6\n");
    files.emplace_back(fmt::format("ddp_run{}.csv", run), "epoch,train_time\n1,5\n2,5\n");
  }
  const auto runs = runs_of_files(files);
  CHECK(run_named(runs, "seq_run3").ranks == 1);
  CHECK(run_named(runs, "ddp_2gpu_run1").ranks == 2);
  CHECK(run_named(runs, "ddp_run1").ranks == 0);
  for (const ImportedClaim& claim : claims_of(runs).claims)
    if (claim.baseline) CHECK(claim.baseline->mode == "seq");
}
