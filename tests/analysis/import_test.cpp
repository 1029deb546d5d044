// Results of other projects: what is read, and what is refused of it.
#include "analysis/import/claims.hpp"
#include "analysis/import/names.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>

#include "analysis/render/render.hpp"
#include "analysis/support/golden.hpp"
#include "analysis/support/synthetic_run.hpp"
#include "analysis/tables/imported.hpp"
#include "base/error.hpp"
#include "support/catch.hpp"

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
  for (const char* name : {"seq2seq", "seq_len_128", "single_node", "sequence", "results", "pipeline2"}) {
    CAPTURE(name);
    CHECK(mode_in(name) != "seq");
  }
  for (const char* name : {"seq", "seq_run2", "Single GPU", "sequential", "seq2seq_single"}) {
    CAPTURE(name);
    CHECK(mode_in(name) == "seq");
  }
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
  CHECK(says(complaint("epoch,time\n1,\"2\n3,4\n"), "x.csv:2: an unclosed quote"));
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
  auto runs = runs_of_json(R"([{"mode": "ddp", "gpus": 2, "epoch_times": [1, 1]}])", "a/a.json");
  CHECK(has(claims_of(runs), "no-baseline"));
  const auto other = runs_of_json(R"([{"mode": "single", "epoch_times": [3, 3]}])", "b/b.json");
  runs.insert(runs.end(), other.begin(), other.end());
  CHECK(claims_of(runs).claims[0].baseline == nullptr);
  const auto fast = runs_of_json(
      R"([{"mode": "single", "epoch_times": [9]}, {"mode": "ddp", "gpus": 2, "epoch_times": [1]}])",
      "c.json");
  CHECK(has(claims_of(fast), "amdahl-superlinear"));
}
