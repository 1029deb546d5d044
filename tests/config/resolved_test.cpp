#include "config/keys.hpp"
#include "given.hpp"
#include "support/catch.hpp"

using given::kMinimal;
using given::load;
using namespace lockstep;

namespace {

// Every key away from its default, in two configurations for the pairs of which only one may be given.
const std::string kEverything = R"(
run: {name: "everything: \"at once\" \\ # \u00fc", seed: 7}
model: {name: transformer, preset: large, kernels: library, heads: 2, hidden: [64, 32], note: "null"}
data: {name: ag_news, path: "data/with space", max_length: 64, tokenizer: basic_english, vocabulary: 500, min_freq: 2,
       validation: 0.25, workers: 3, max_train_rows: 1000, cache: "none", max_bytes: 1000000, samples: 11, test_samples: 12,
       classes: 4,
       shape: [3, 8, 9], batching: length, embeddings: "v 1.txt", languages: [cs, no], test_share: 0.3, normalise: false,
       resize: 64, crop_padding: 4, flip: true, rotation: 5.5}
training:
  steps: 100
  micro_batch: 16
  accumulate: 2
  grad_clip: 0.1
  precision: bf16
  tf32: on
  cuda_graph: "off"
  target: [0.1, 1e-7]
  optimizer: {name: adamw, lr: 3.3333333333333335e-4, weight_decay: 0.01, beta1: 0.8, beta2: 0.99, eps: 1e-6}
  schedule: {name: linear, warmup_steps: 10}
parallel: {device: cuda, backend: sim, threads: 3, algorithm: parameter_server, overlap: false, sync_batchnorm: true,
           bucket_mb: 0.3, first_bucket_mb: 0.1, reduce_dtype: fp16, sparse_gradients: off, shard: optimizer, stages: 2, schedule: 1f1b,
           micro_batches: 8, chunks: 3,
           partition: [1, 2], timeout_s: 2.5,
           link: {latency_us: 5.5, gbps: 0.1, jitter_us: 2, slow_rank: 3, slow_factor: 1.5, slow_phase: data}}
measure: {scaling: weak, warmup: 5}
checkpoint: {every_epochs: 2, every_steps: 7, every_minutes: 1.5, on_signal: false, keep: 5, reschedule: true}
)";

std::map<std::string, std::string> round_trip(const RunConfig& config) {
  const RunConfig again = load(to_yaml(config, config.model.hyper));
  return flatten(again, again.model.hyper);
}

}  // namespace

TEST_CASE("the resolved YAML reads back to the same configuration") {
  for (const std::string& yaml : {kMinimal, kEverything}) {
    const RunConfig config = load(yaml);
    CHECK(round_trip(config) == flatten(config, config.model.hyper));
  }
  const RunConfig sgd = load(kMinimal, {"training.optimizer={name: sgd, momentum: 0.9, nesterov: true}"});
  CHECK(round_trip(sgd) == flatten(sgd, {}));
  const RunConfig open = load(kMinimal, {"parallel.overlap=auto", "parallel.bucket_mb=auto"});
  CHECK_FALSE(open.parallel.overlap);
  CHECK_FALSE(open.parallel.bucket_mb);
  CHECK(round_trip(open) == flatten(open, {}));
  const RunConfig ablation = load(kMinimal, {"parallel.ablation=no_comm"});
  CHECK(round_trip(ablation) == flatten(ablation, {}));
}

TEST_CASE("the round trip above covers every key") {
  const auto everything = flatten(load(kEverything), {}), defaults = flatten(RunConfig(), {});
  for (const Key& key : keys()) {
    CAPTURE(key.name);
    const bool excluded = key.name == "training.epochs" || key.name == "training.global_batch" ||
                          key.name == "parallel.ablation" || key.name == "training.optimizer.momentum" ||
                          key.name == "training.optimizer.nesterov";
    if (excluded) continue;
    REQUIRE(everything.count(key.name) == 1);
    CHECK((defaults.count(key.name) == 0 || everything.at(key.name) != defaults.at(key.name)));
  }
}

TEST_CASE("the resolved configuration says everything, model keys of the registry included") {
  const RunConfig config = load(kMinimal);
  const std::vector<Setting> resolved = {{"hidden", "[250, 100]", {}}, {"activation", "relu", {}}};
  const auto flat = flatten(config, resolved);
  CHECK(flat.at("model.hidden") == "[250, 100]");
  CHECK(flat.at("training.epochs") == "3");
  CHECK(flat.at("training.optimizer.lr") == "0.001");
  CHECK(flat.at("parallel.threads") == "auto");
  CHECK(flat.at("training.target") == "[]");
  CHECK(flat.count("training.steps") == 0);
  CHECK(flat.count("run.name") == 0);
  const std::string yaml = to_yaml(config, resolved);
  CHECK(yaml.find("model:\n  name: mlp\n  kernels: own\n  hidden: [250, 100]\n  activation: relu\n") !=
        std::string::npos);
  CHECK(yaml.find("  schedule:\n    name: constant\n    warmup_steps: 0\n") != std::string::npos);
  CHECK(load(yaml).model.hyper.size() == 2);
}

TEST_CASE("texts that YAML would read otherwise are quoted") {
  for (const std::string text :
       {"null",  "~",           "a: b", "# no",    "- x",         "line\nbreak", "tab\t",
        "\"q\"", "back\\slash", "...",  " space ", "caf\xc3\xa9", "yes",         "1.0",
        "[x]",   "{x}",         "*a",   "&a",      "!t",          "@",           "%"}) {
    CAPTURE(text);
    RunConfig config = load(kMinimal);
    config.run.name = text;
    CHECK(load(to_yaml(config, {})).run.name == text);
  }
}
