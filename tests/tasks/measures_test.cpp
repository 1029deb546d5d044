// What a task measures is declared by the task alone: writer, reader and document follow.
#include <hdf5.h>

#include <fstream>
#include <limits>
#include <sstream>

#include "base/error.hpp"
#include "results/run_reader.hpp"
#include "results/run_writer.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "tasks/task.hpp"

using namespace lockstep;

namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

// A task of one's own that counts mistakes, beside a metric.
class Dictation : public Task {
 public:
  std::string metric() const override { return "accuracy"; }
  bool higher_is_better() const override { return true; }
  double chance() const override { return kNothing; }
  std::vector<Measure> measures() const override {
    return {{.name = "mistakes_per_page",
             .unit = "1/page",
             .about = "of a page of 1000 characters",
             .higher_is_better = false}};
  }
  torch::Tensor loss_share(const torch::Tensor& output, const StepBatch&) const override {
    return output.sum();
  }
  Tally start_tally(torch::Device device) const override { return zero_tally(1, 1, device); }
  void add(const torch::Tensor& output, const StepBatch&, Tally& tally) const override {
    tally.sums += output.sum();
    tally.counts += output.numel();
  }
  Evaluation finish(const Tally& sum) const override {
    Evaluation result;
    result.metric = 0.5;
    result.more["mistakes_per_page"] = sum.sums.item<double>() / sum.counts.item<double>();
    if (forgets_) result.more["undeclared"] = 1;
    return result;
  }
  bool forgets_ = false;
};

std::vector<std::unique_ptr<Task>> all_tasks() {
  DatasetInfo info;
  info.classes = info.vocabulary = info.target_vocabulary = 256;  // tokens are bytes
  std::vector<std::unique_ptr<Task>> tasks;
  for (const TaskKind kind :
       {TaskKind::classification, TaskKind::reconstruction, TaskKind::translation, TaskKind::language_model})
    tasks.push_back(make_task(kind, info));
  return tasks;
}

RunData start_of(const Task& task) {
  RunData run;
  run.header.uuid = "u";
  run.header.mode = "seq";
  run.ranks.resize(1);
  run.metric = task.metric();
  run.measures = task.measures();
  return run;
}

// One epoch of one step on one rank, and what the task has measured.
void write_epoch(RunWriter& writer, const EpochRow& row) {
  StepTable steps;
  for_each_step_column([&]<typename T>(const StepColumn<T>& c) { steps.*c.table = Matrix<T>(1, 1, T{1}); });
  writer.append_epoch(steps, {}, {}, row, {{1}, {1}, 0, 0, 0});
}

EpochRow row_of(const Task& task, double validation, double test) {
  EpochRow row;
  for (const auto& [split, value] : {std::pair(Split::validation, validation), {Split::test, test}}) {
    Tally tally = task.start_tally(torch::kCPU);
    task.add(torch::full({2}, value), {}, tally);
    for (const auto& [name, measured] : task.finish(tally).more) row.more[column_of(name, split)] = measured;
  }
  return row;
}

std::string attribute(hid_t file, const char* path, const char* name) {
  const hid_t at = H5Aopen_by_name(file, path, name, H5P_DEFAULT, H5P_DEFAULT), type = H5Aget_type(at);
  char* text = nullptr;
  REQUIRE(H5Aread(at, type, &text) >= 0);
  const std::string result = text;
  H5free_memory(text);
  H5Tclose(type);
  H5Aclose(at);
  return result;
}

}  // namespace

TEST_CASE("a measure of one's own is written with what was declared of it, and read back") {
  const TemporaryFolder folder;
  const Dictation task;
  RunWriter writer(folder / "run.h5", start_of(task));
  write_epoch(writer, row_of(task, 2.5, 3.25));
  write_epoch(writer, row_of(task, 1.5, kNothing));
  writer.finish("complete", true, {}, 1);

  const RunData run = read_run(folder / "run.h5");
  REQUIRE(run.measures.size() == 1);
  CHECK((run.measures == task.measures()));
  REQUIRE(run.epochs.size() == 2);
  CHECK(run.epochs[0].more.at("validation_mistakes_per_page") == 2.5);
  CHECK(run.epochs[0].more.at("test_mistakes_per_page") == 3.25);
  CHECK(run.epochs[1].more.at("validation_mistakes_per_page") == 1.5);
  CHECK(std::isnan(run.epochs[1].more.at("test_mistakes_per_page")));

  const hid_t file = H5Fopen((folder / "run.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  CHECK(attribute(file, "/epochs/validation_mistakes_per_page", "about") == "of a page of 1000 characters");
  CHECK(attribute(file, "/epochs/test_mistakes_per_page", "about") == "the same on the test split");
  CHECK(attribute(file, "/epochs/test_mistakes_per_page", "unit") == "1/page");
  CHECK(attribute(file, "/epochs/test_mistakes_per_page", "better") == "lower");
  H5Fclose(file);
}

TEST_CASE("a measure that was not declared is named before the first epoch") {
  Dictation task;
  const Evaluation empty = task.finish(task.start_tally(torch::kCPU));
  CHECK_NOTHROW(require_declared(task, empty));
  task.forgets_ = true;
  CHECK_THROWS_WITH(
      require_declared(task, task.finish(task.start_tally(torch::kCPU))),
      "the task of metric accuracy measures 'undeclared', which its measures() does not declare");
  const TemporaryFolder folder;
  RunWriter writer(folder / "run.h5", start_of(task));
  CHECK_THROWS_WITH(write_epoch(writer, row_of(task, 1, 1)),
                    "nobody has declared a measure 'test_undeclared'");
}

TEST_CASE("a measure may not take the name of another column") {
  const TemporaryFolder folder;
  const Dictation task;
  for (const char* name : {"loss", "metric", "seconds"}) {
    RunData run = start_of(task);
    run.measures = {{.name = name, .unit = "1", .about = "x"}};
    CHECK_THROWS_WITH(RunWriter(folder / name, run),
                      "the measure '" + std::string(name) + "' has the name of another column");
  }
  RunData twice = start_of(task);
  twice.measures.push_back(twice.measures.front());
  CHECK_THROWS_AS(RunWriter(folder / "twice", twice), Error);
}

TEST_CASE("every task declares what it measures, and docs/run-file.md lists it") {
  std::ostringstream text;
  text << std::ifstream(std::string(LOCKSTEP_SOURCE_DIR) + "/docs/run-file.md").rdbuf();
  std::size_t measures = 0;
  for (const auto& task : all_tasks()) {
    CAPTURE(task->metric());
    CHECK_NOTHROW(require_declared(*task, task->finish(task->start_tally(torch::kCPU))));
    for (const Measure& measure : task->measures())
      for (const Split split : measure.splits) {
        const bool again = split != measure.splits.front();
        const std::string row = "| `/epochs/" + column_of(measure.name, split) + "` | [epochs] | f8 | " +
                                measure.unit + " | " +
                                (again ? "the same on the test split" : measure.about) + " |";
        INFO(row);
        CHECK(text.str().find(row) != std::string::npos);
        ++measures;
      }
  }
  CHECK(measures == 5);
}
