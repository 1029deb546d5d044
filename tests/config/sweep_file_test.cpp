#include "config/sweep_file.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

SweepFile load(const std::string& text) {
  const std::string name = "lockstep_sweep_test_" + std::to_string(getpid()) + ".yaml";
  const std::string path = (std::filesystem::temp_directory_path() / name).string();
  std::ofstream(path) << text;
  const std::shared_ptr<void> removed(nullptr, [&](void*) { std::filesystem::remove(path); });
  return load_sweep(path);
}

// What is said of the file, after its name; "accepted" when nothing is.
std::string refusal(const std::string& text) {
  try {
    load(text);
  } catch (const Error& error) {
    const std::string said = error.what();
    return error.code() == ExitCode::bad_input ? said.substr(said.find(".yaml") + 5) : "another exit code";
  }
  return "accepted";
}

const std::string kAxes = "config: c.yaml\naxes: {mode: [seq, ddp], ranks: [1, 2]}\n";

}  // namespace

TEST_CASE("A whole sweep") {
  const SweepFile sweep = load(R"(
config: configs/mnist_mlp.yaml
set: {training.steps: 50, data.shape: [1, 8, 8], run.name: "007", training.epochs: null}
axes:
  mode: [seq, ddp]
  ranks: 2
  training.optimizer.lr: [1.0e-3, 0.01]
  data.languages: [[de, en], [en, "no"]]
exclude:
  - {mode: ddp, ranks: [1, 2]}
  - {training.optimizer.lr: 0.01}
repeats: {least: 2, until: 5 %, most: 7}
launcher: srun -n {ranks} {command}
launcher_seq: srun -n 1 {command}
time_limit_s: 90.5
seed: 3
)");
  CHECK(sweep.name == "lockstep_sweep_test_" + std::to_string(getpid()));
  CHECK(sweep.config == "configs/mnist_mlp.yaml");
  CHECK(sweep.sets == std::vector<std::string>{"training.steps=50", "data.shape=[1, 8, 8]",
                                               "run.name=\"007\"", "training.epochs=null"});
  REQUIRE(sweep.axes.size() == 4);
  CHECK(sweep.axes[1].values == std::vector<std::string>{"2"});
  CHECK(sweep.axes[2].values == std::vector<std::string>{"1.0e-3", "0.01"});
  CHECK(sweep.axes[3].values == std::vector<std::string>{"[de, en]", "[en, \"no\"]"});
  REQUIRE(sweep.exclude.size() == 2);
  CHECK(sweep.exclude[0].at("ranks") == std::vector<std::string>{"1", "2"});
  CHECK(sweep.repeats.least == 2);
  CHECK(sweep.repeats.until == 0.05);
  CHECK(sweep.repeats.most == 7);
  CHECK(sweep.launcher == "srun -n {ranks} {command}");
  CHECK(sweep.launcher_seq == "srun -n 1 {command}");
  CHECK(sweep.time_limit_s == 90.5);
  CHECK(sweep.seed == 3);
}

TEST_CASE("What is left out has a default") {
  const SweepFile sweep = load(kAxes);
  CHECK(sweep.repeats.least == 3);
  CHECK(sweep.repeats.most == 3);
  CHECK(sweep.repeats.until == 0);
  CHECK(load(kAxes + "repeats: 5\n").repeats.most == 5);
  CHECK(load(kAxes + "repeats: {until: 0.1}\n").repeats.most == 10);
}

TEST_CASE("What is wrong is named with its line") {
  CHECK(refusal("axs: 1\n") == ":1: 'axs': unknown key; did you mean 'axes'?");
  CHECK(refusal("[1]\n") == ": must be a map, not the list [1]");
  CHECK(refusal(kAxes + "config: d.yaml\n") == ":3: 'config': the key is given twice");
  CHECK(refusal("config: c.yaml\naxes: {mode: [dpp]}\n") ==
        ":2: 'axes.mode': unknown mode dpp; did you mean 'ddp'?; known are seq, ddp, ps, mp, hybrid");
  CHECK(refusal("config: c.yaml\naxes: {ranks: [0]}\n") ==
        ":2: 'axes.ranks': must be a number from 1 to 65536, not 0");
  CHECK(refusal("config: c.yaml\naxes: {ranks: [1.5]}\n") ==
        ":2: 'axes.ranks': must be whole numbers, not 1.5");
  CHECK(refusal("config: c.yaml\naxes: {mode: [seq, seq]}\n") == ":2: 'axes.mode': seq is listed twice");
  CHECK(refusal("config: c.yaml\naxes: {mode: []}\n") == ":2: 'axes.mode': the list is empty");
  CHECK(refusal("config: c.yaml\naxes: {mode: {a: b}}\n") ==
        ":2: 'axes.mode': a value must be a text, a number or a list, not a map");
  CHECK(refusal(kAxes + "exclude: [{rank: 1}]\n") ==
        ":3: 'exclude.rank': no axis has this name; exclusions can only name axes");
  CHECK(refusal(kAxes + "exclude: [{}]\n") == ":3: 'exclude': an entry is empty; it would exclude every run");
  CHECK(refusal(kAxes + "repeats: {until: 5 %, least: 1}\n") ==
        ":3: 'repeats': an interval needs at least 2 launches; set least to 2 or more");
  CHECK(refusal(kAxes + "repeats: {least: 4, most: 3}\n") ==
        ":3: 'repeats': most (3) is less than least (4)");
  CHECK(refusal(kAxes + "repeats: 0\n") == ":3: 'repeats': must be a number from 1 to 1000, not 0");
  CHECK(refusal(kAxes + "repeats: 1.5\n") == ":3: 'repeats': must be a whole number, not 1.5");
  CHECK(refusal(kAxes + "launcher: srun train\n") ==
        ":3: 'launcher': lacks {command}, the program with its flags");
  CHECK(refusal(kAxes + "launcher: srun {rank} {command}\n") ==
        ":3: 'launcher': '{rank}' is not known; known are {ranks}, {command} and {output}");
  CHECK(refusal("axes: {mode: seq}\n") ==
        ": give the configuration once: as 'config', or as an axis of that name");
  CHECK(refusal("config: c\naxes: {config: [a, b]}\n") ==
        ": give the configuration once: as 'config', or as an axis of that name");
  CHECK(refusal("config: c.yaml\n") ==
        ": 'axes' is missing; list what varies, for example axes: {mode: [seq, ddp], ranks: [2]}");
  CHECK(refusal("config: [\n").starts_with(":2:1: not YAML: "));
}
