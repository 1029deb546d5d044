#include "given.hpp"
#include "support/catch.hpp"

using given::kMinimal;
using given::load;
using namespace lockstep;

TEST_CASE("keys that are not given have RunConfig's defaults") {
  const RunConfig c = load(kMinimal);
  const RunConfig defaults;
  CHECK(c.model.name == "mlp");
  CHECK(c.training.epochs == 3);
  CHECK_FALSE(c.training.steps);
  CHECK(c.training.global_batch == 64);
  CHECK(c.run.seed == defaults.run.seed);
  CHECK(c.training.optimizer.lr == defaults.training.optimizer.lr);
  CHECK(c.data.shape == defaults.data.shape);
  CHECK_FALSE(c.parallel.threads);
}

TEST_CASE("every kind of value is read") {
  const RunConfig c = load(R"(
run: {name: "a: b", seed: 18446744073709551615}
model: {name: cnn, preset: cifar10}
data: {name: synthetic_images, shape: [3, 32, 32], tokenizer: basic_english, validation: 0}
training:
  steps: 10
  micro_batch: +8
  optimizer: {name: sgd, lr: 1.0e-3, momentum: .9, nesterov: true}
  schedule: {name: cosine, warmup_steps: 2}
  precision: bf16
  tf32: on
  target: [0.85, 0.88]
parallel: {device: cpu, backend: mpi, threads: 2, overlap: false, reduce_dtype: bf16, bucket_mb: 0.5, first_bucket_mb: 1e-2}
measure: {scaling: weak, warmup: 3}
checkpoint: {every_epochs: 1, keep: 2}
)");
  CHECK(c.run.name == "a: b");
  CHECK(c.run.seed == 18446744073709551615ULL);
  CHECK(c.model.preset == "cifar10");
  CHECK(c.data.shape == std::vector<std::int64_t>{3, 32, 32});
  CHECK(c.data.tokenizer == Tokenizer::basic_english);
  CHECK(c.data.validation == 0);
  CHECK(c.training.steps == 10);
  CHECK(c.training.micro_batch == 8);
  CHECK(c.training.optimizer.name == OptimizerKind::sgd);
  CHECK(c.training.optimizer.lr == 1e-3);
  CHECK(c.training.optimizer.momentum == 0.9);
  CHECK(c.training.optimizer.nesterov);
  CHECK(c.training.schedule.name == ScheduleKind::cosine);
  CHECK(c.training.schedule.warmup_steps == 2);
  CHECK(c.training.precision == Precision::bf16);
  CHECK(c.training.tf32);
  CHECK(c.training.target == std::vector<double>{0.85, 0.88});
  CHECK(c.parallel.device == DeviceKind::cpu);
  CHECK(c.parallel.backend == BackendKind::mpi);
  CHECK(c.parallel.threads == 2);
  CHECK(c.parallel.overlap == Overlap::after);
  CHECK(c.parallel.reduce_dtype == ReduceDtype::bf16);
  CHECK(c.parallel.bucket_mb == 0.5);
  CHECK(c.parallel.first_bucket_mb == 0.01);
  CHECK(c.measure.scaling == Scaling::weak);
  CHECK(c.measure.warmup == 3);
  CHECK(c.checkpoint.every_epochs == 1);
}

TEST_CASE("JSON is read as YAML") {
  const RunConfig c = load(R"({"model": {"name": "mlp"}, "data": {"name": "mnist"},
  "training": {"epochs": 2, "global_batch": 32, "optimizer": {"name": "adamw", "lr": 0.01}}})");
  CHECK(c.training.epochs == 2);
  CHECK(c.training.optimizer.name == OptimizerKind::adamw);
  CHECK(c.place("training.epochs").ends_with(":2: 'training.epochs'"));
}

TEST_CASE("--set comes after the file and the last one counts") {
  const RunConfig c =
      load(kMinimal, {"training.epochs=5", "training.epochs=7", "training.target=[0.85, 0.88]",
                      "data.shape=[3,32,32]", "run.name=my run", "parallel.threads=2"});
  CHECK(c.training.epochs == 7);
  CHECK(c.training.target == std::vector<double>{0.85, 0.88});
  CHECK(c.data.shape == std::vector<std::int64_t>{3, 32, 32});
  CHECK(c.run.name == "my run");
  CHECK(c.given.at("training.epochs").text() == "--set");
}

TEST_CASE("--set key=null takes a key back to its default") {
  const RunConfig c = load(kMinimal, {"training.epochs=null", "training.steps=50"});
  CHECK_FALSE(c.training.epochs);
  CHECK(c.training.steps == 50);
  CHECK(c.given.count("training.epochs") == 0);
  CHECK(load(kMinimal, {"run.seed=7", "run.seed=~"}).run.seed == RunConfig().run.seed);
}

TEST_CASE("a map may be set at once") {
  const RunConfig c = load(kMinimal, {"training.optimizer={name: sgd, lr: 0.1}"});
  CHECK(c.training.optimizer.name == OptimizerKind::sgd);
  CHECK(c.training.optimizer.lr == 0.1);
}

TEST_CASE("a configuration of --set alone") {
  const RunConfig c =
      load_config("", {"model.name=mlp", "data.name=mnist", "training.steps=5", "training.micro_batch=8"});
  CHECK(c.training.steps == 5);
  CHECK(c.file.empty());
}

TEST_CASE("a section without keys counts as absent") {
  CHECK(load(kMinimal + "parallel:\n").parallel.overlap);
}

TEST_CASE("a model's own keys are kept with their places, the last --set counting") {
  const std::string yaml =
      "model: {name: mlp,\n  hidden: [250, 100],\n  dropout: 0.1}\n" + kMinimal.substr(kMinimal.find("data"));
  const RunConfig c = load(yaml, {"model.dropout=0.2", "model.dropout=0.3", "model.bias=false"});
  REQUIRE(c.model.hyper.size() == 3);
  CHECK(c.model.hyper[0].key == "hidden");
  CHECK(c.model.hyper[0].value == "[250, 100]");
  CHECK(c.model.hyper[0].where.line == 2);
  CHECK(c.model.hyper[1].key == "dropout");
  CHECK(c.model.hyper[1].value == "0.3");
  CHECK(c.model.hyper[1].where.text() == "--set");
  CHECK(c.model.hyper[2].value == "false");
  CHECK(load(yaml, {"model.dropout=null"}).model.hyper.size() == 1);
}

TEST_CASE("places name file and line, --set, or nothing") {
  const RunConfig c = load(kMinimal, {"run.seed=1"});
  CHECK(c.place("training.epochs") == c.file + ":7: 'training.epochs'");
  CHECK(c.place("run.seed") == "--set: 'run.seed'");
  CHECK(c.place("data.workers") == "'data.workers'");
}

TEST_CASE("the text as given is kept, with the --set values after it") {
  CHECK(load(kMinimal, {"run.seed=1"}).given_text == kMinimal + "# --set run.seed=1\n");
}

TEST_CASE("the batch of a step and of a rank") {
  CHECK(load(kMinimal).global_batch(1) == 64);
  CHECK(load(kMinimal).global_batch(4) == 64);
  CHECK(load(kMinimal, {"training.accumulate=2"}).micro_batch(4) == 8);
  const RunConfig micro =
      load(kMinimal, {"training.global_batch=null", "training.micro_batch=8", "training.accumulate=2"});
  CHECK(micro.global_batch(3) == 48);
  CHECK(micro.micro_batch(3) == 8);
}

TEST_CASE("every file in configs/ is accepted, for 1, 2 and 4 ranks") {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(LOCKSTEP_SOURCE_DIR "/configs")) {
    CAPTURE(entry.path().string());
    if (entry.path().extension() != ".yaml") continue;
    const RunConfig c = load_config(entry.path().string(), {});
    for (const int ranks : {1, 2, 4}) CHECK(c.global_batch(ranks) % ranks == 0);
    ++files;
  }
  CHECK(files >= 8);
}
