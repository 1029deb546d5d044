// Results of other projects: what is read, and what is refused of it.
#include "analysis/import/claims.hpp"
#include "analysis/import/names.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "analysis/render/render.hpp"
#include "analysis/support/golden.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/imported.hpp"
#include "base/error.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr const char* kHeader = "epoch,train_loss,train_time,val_loss,val_acc\n";

// T_1 / T_4 = 0.46137: the vector of a published comparison.
std::vector<ImportedRun> published() {
  std::vector<ImportedRun> runs = runs_of_csv(
      std::string(kHeader) + "1,0.91,46.137,0.8,71.2\n2,0.72,46.137,0.6,77.1\n", "results/single_gpu.csv");
  const std::vector<ImportedRun> four =
      runs_of_csv(std::string(kHeader) +
                      "1,0.93,100,0.8,71.0\n1,0.92,100,0.8,71.1\n2,0.7,100,0.6,77.0\n2,0.7,100,0.6,77.3\n",
                  "results/ddp_4gpu.csv");
  runs.insert(runs.end(), four.begin(), four.end());
  return runs;
}

std::string complaint(const std::string& csv) {
  try {
    runs_of_csv(csv, "x.csv");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool has(const ImportedClaims& claims, const std::string& code) {
  return std::any_of(claims.findings.begin(), claims.findings.end(),
                     [&](const auto& f) { return f.code == code; });
}

}  // namespace

TEST_CASE("a CSV file is a run; name, ranks and percentages are understood") {
  const std::vector<ImportedRun> runs = published();
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].mode == "seq");
  CHECK(runs[0].ranks == 1);
  CHECK(runs[0].percent);
  CHECK(runs[0].epochs[1].accuracy == Approx(0.771));
  CHECK(runs[1].mode == "ddp");
  CHECK(runs[1].ranks == 4);
  const auto mixed =
      runs_of_csv("Mode;GPUs;Epoch;Epoch Time (s);Accuracy\nDDP;2;1;5.5;0.5\nsingle;1;1;9;0.5\n", "all.csv");
  REQUIRE(mixed.size() == 2);
  CHECK(mixed[0].ranks == 2);
  CHECK(mixed[0].epochs[0].seconds == 5.5);
  CHECK(mixed[1].mode == "seq");
}

TEST_CASE("JSON of a comparison: a list, keys as names, single numbers") {
  const auto list = runs_of_json(
      R"({"results": [{"mode": "DDP", "gpus": 2, "epoch_times": [6.1, 6.0], "accuracy": 0.88},
                      {"mode": "single", "epoch_times": [11, 10.9], "accuracy": [0.8, 0.88]}]})",
      "t.json");
  REQUIRE(list.size() == 2);
  CHECK(list[0].ranks == 2);
  CHECK(std::isnan(list[0].epochs[0].accuracy));
  CHECK(list[0].epochs[1].accuracy == 0.88);
  CHECK(list[1].ranks == 1);
  const auto keyed =
      runs_of_json(R"({"ddp_4gpu": {"train_time": 50.5, "val_acc": 91.5}, "note": {"text": 1}})", "t.json");
  REQUIRE(keyed.size() == 1);
  CHECK(keyed[0].name == "ddp_4gpu");
  CHECK(keyed[0].ranks == 4);
  CHECK(keyed[0].epochs[0].accuracy == Approx(0.915));
  CHECK_THROWS_AS(runs_of_json("{\"a\": 1}", "t.json"), Error);
}

TEST_CASE("names say how many devices, or nothing") {
  CHECK(ranks_in("DDP (4 GPUs)") == 4);
  CHECK(ranks_in("results_2gpu_run1") == 2);
  CHECK(ranks_in("world_size=8") == 8);
  CHECK(ranks_in("resnet18") == 0);
  CHECK(ranks_in("seq") == 0);
  for (const char* name :
       {"ddp_run1", "seq_run2", "gpu0", "log_rank3", "resnet18_gpu", "4 workers", "batch_size_8", "run_2_gpu",
        "seed 4 gpus", "lr1e4", "ddp2", "nodes4", "2nodes", "v100_x8"}) {
    CAPTURE(name);
    CHECK(ranks_in(name) == 0);
  }
  for (const char* name :
       {"ddp2gpu", "2_GPUs", "np2", "ws2", "gpus=2", "2ranks", "world size 2", "ddp_2gpu_run3", "nproc_2"}) {
    CAPTURE(name);
    CHECK(ranks_in(name) == 2);
  }
  CHECK(rank_in("speedup_ws3_rank2") == 2);
  CHECK(rank_in("4ranks") == -1);
  CHECK(without_rank("speedup_ws3_rank2") == "speedup_ws3");
  CHECK(mode_in("Model Parallel") == "mp");
  CHECK(field_of("Val. Acc") == Field::accuracy);
  CHECK(field_of("train_time") == Field::seconds);
  CHECK(field_of("epoch_times") == Field::epoch_seconds);
  CHECK(field_of("num_workers") == Field::none);
  CHECK(field_of("workers") == Field::none);
  CHECK(field_of("") == Field::none);
  CHECK(field_of("colour") == Field::none);
}

TEST_CASE("bad files are refused with line and column") {
  CHECK(says(complaint("a,b\n1,2\n"), "x.csv:1: no column 'epoch'"));
  CHECK(says(complaint(std::string(kHeader) + "1,2\n"), "x.csv:2: 2 fields, the header has 5"));
  CHECK(says(complaint(std::string(kHeader) + "1,fast,1,1,1\n"),
             "x.csv:2: column 'train_loss': 'fast' is not a number"));
  CHECK(says(complaint(kHeader), "no row"));
  CHECK(says(complaint(""), "empty"));
}

TEST_CASE("numbers that no double holds are refused with file and place") {
  CHECK(says(complaint(std::string(kHeader) + "1,1e999,1,1,1\n"),
             "x.csv:2: column 'train_loss': '1e999' is beyond what a number can hold"));
  CHECK(says(complaint(std::string(kHeader) + "1,1,-1e999,1,1\n"), "'-1e999' is beyond"));
  const auto runs = runs_of_csv(std::string(kHeader) + "1,inf,-inf,NAN,-nan\n", "x.csv");
  CHECK(std::isnan(runs.at(0).epochs.at(0).train_loss));
  CHECK(std::isnan(runs.at(0).epochs.at(0).seconds));
}

TEST_CASE("a CSV file may end its lines as it likes, and quote what it likes") {
  const std::string rows = "epoch,run,time\n1,\"a, \"\"b\"\"\",3\n2,\"a, \"\"b\"\"\",3\n";
  for (const char* end : {"\n", "\r\n", "\r"}) {
    std::string text;
    for (const char c : rows) text += c == '\n' ? std::string(end) : std::string(1, c);
    const auto runs = runs_of_csv(text, "x.csv");
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].name == "a, \"b\"");
    CHECK(runs[0].epochs.at(1).seconds == 3);
    CHECK(says(complaint(text + "x,y" + end), "x.csv:4: 2 fields, the header has 3"));
  }
  CHECK(runs_of_csv("epoch,run,time\n1,\"a\nb\",2\n1,7\" disk,2\n", "x.csv").at(1).name == "7\" disk");
  CHECK(says(complaint("epoch,run,time\n1,\"a\nb\",2\nx,y\n"), "x.csv:4: 2 fields"));
  CHECK(says(complaint("epoch,time\n1,\"2\n3,4\n"), "x.csv:2: a quote that is not closed"));
  CHECK(says(complaint("epoch" + std::string(5000, ',')), "x.csv:1: more than 4096 fields"));
}

TEST_CASE("a hundred thousand runs of one folder are compared in one pass") {
  std::vector<ImportedRun> runs;
  for (int i = 0; i < 100'000; ++i)
    runs.push_back({"folder/a.csv",
                    "run " + std::to_string(i),
                    i % 2 ? "ddp" : "seq",
                    1 + i % 2,
                    {{1, 1, 1.0 + i, 1, 1}},
                    NAN});
  const std::clock_t begin = std::clock();
  const ImportedClaims claims = claims_of(runs);
  CHECK(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < 20);  // one by one: minutes
  CHECK(claims.claims.back().baseline == runs.data());
}

TEST_CASE("what the published numbers cannot carry is refused", "[golden]") {
  const std::vector<ImportedRun> runs = published();
  const ImportedClaims claims = claims_of(runs);
  CHECK(claims.claims[1].apparent_speedup == Approx(0.46137));
  for (const char* code :
       {"no-audit", "no-hardware", "interleaved-rows", "amdahl-slowdown", "single", "different-epochs"}) {
    CAPTURE(code);
    CHECK(has(claims, code));
  }
  CHECK_FALSE(has(claims, "no-baseline"));
  check_golden(render_text(claims_page(claims, {"y.csv: empty"})), "import.txt");
}

TEST_CASE("runs are compared within their file or folder; without one device there is no speedup") {
  auto runs = runs_of_json(R"([{"mode": "ddp", "gpus": 2, "epoch_times": [1, 1]}])", "a.json");
  CHECK(has(claims_of(runs), "no-baseline"));
  const auto other = runs_of_json(R"([{"mode": "single", "epoch_times": [3, 3]}])", "b.json");
  runs.insert(runs.end(), other.begin(), other.end());
  CHECK(claims_of(runs).claims[0].baseline == nullptr);
  const auto fast = runs_of_json(
      R"([{"mode": "single", "epoch_times": [9]}, {"mode": "ddp", "gpus": 2, "epoch_times": [1]}])",
      "c.json");
  CHECK(has(claims_of(fast), "amdahl-superlinear"));
}

namespace {

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
  CHECK(says(assumptions(total), "taken for totals since the start"));
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
    CHECK(says(two.unclear, "its times only grow, from 20 to 40 s: of epochs, or since the start"));
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
  CHECK(says(assumptions(three), "the files of 3 ranks are taken for one run"));
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
  CHECK(says(assumptions(runs[1]), "its one time, 200 s, is taken for that of its 5 epochs together"));
  const auto table = runs_of_csv("method,gpus,epochs,total_time\nsingle,1,10,300\nddp,2,5,200\n", "t.csv");
  CHECK(claims_of(table).claims[1].apparent_speedup == Approx(0.75));
  const auto above = runs_of_json(
      R"({"epochs": 4, "single": {"total_time": 40}, "ddp": {"gpus": 2, "total_time": 20}})", "t.json");
  CHECK(claims_of(above).claims[1].epoch_seconds == 5);
  const auto losses = runs_of_json(R"({"seq": {"time": 40, "loss": [3, 2, 1, 0.5]}})", "t.json");
  CHECK(claims_of(losses).claims[0].epoch_seconds == 10);
  CHECK(says(runs_of_json(R"({"seq": {"total_time": 40}})", "t.json").at(0).unclear,
             "does not say of how many epochs"));
  const auto mixed = runs_of_files({{"m/single.json", R"({"single": {"time": 100}})"},
                                    {"m/ddp.json", R"({"ddp_2gpu": {"epoch_times": [6, 6]}})"}});
  CHECK(says(run_named(mixed, "single").unclear, "its one time, 100 s, may be of an epoch or of all"));
}

TEST_CASE("numbers above the runs are a summary of them, and do not hide them") {
  const auto runs =
      runs_of_json(R"({"model": "resnet18", "total_time": 480.0, "best_accuracy": 91.2, "results": {
                                       "single_gpu": {"epoch_times": [10.0, 10.1]}, "ddp_2gpu": {"epoch_times": [6.0, 6.1]}}})",
                   "nested.json");
  REQUIRE(runs.size() == 2);
  CHECK(runs[1].name == "ddp_2gpu");
  CHECK(says(assumptions(runs[0]), "taken for a summary of its runs"));
  const auto end =
      runs_of_json(R"({"ddp_2gpu": {"epoch_times": [6.0, 6.1], "final": {"accuracy": 0.9}}})", "x.json");
  REQUIRE(end.size() == 1);
  CHECK(end[0].epochs.size() == 2);
  const auto devices =
      runs_of_json(R"({"ddp": {"gpus": [0, 1, 2], "num_workers": 8, "epoch_times": [6.0]}})", "x.json");
  CHECK(devices[0].ranks == 3);
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
