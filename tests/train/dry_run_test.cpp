// Dry runs: what is said of a run before it is started, on fewer ranks than it is for.
#include "train/dry_run.hpp"

#include <regex>

#include "base/error.hpp"
#include "launch/session.hpp"
#include "parity.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

RunConfig split_run() {
  RunConfig config = configure(case_of("mlp"));
  config.parallel.schedule = PipelineSchedule::gpipe;
  config.parallel.partition.kind = Partition::Kind::even;
  config.parallel.sync_batchnorm = false;
  config.training.global_batch = 16;
  return config;
}

DryRun dry(const RunConfig& config, Mode mode, int ranks) {
  const auto alone = self_world();
  return dry_run(on_cpu(config), mode, ranks, *alone);
}

}  // namespace

TEST_CASE("a dry run of four ranks on one says batches, model, buckets and memory") {
  RunConfig config = configure(case_of("mlp"));
  config.parallel.bucket_mb = config.parallel.first_bucket_mb = 0.05;
  const DryRun run = dry(config, Mode::data_parallel, 4);
  CAPTURE(run.text);
  CHECK(has(run.text, "mode ddp, 4 ranks"));
  CHECK(has(run.text, "batch 12 = 4 shares x 3 x 1 accumulated; 23 steps per epoch, 50 in all"));
  // 784 x 250 + 250, 250 x 100 + 100, 100 x 4 + 4
  CHECK(has(run.text, "model mlp: 221754 parameters"));
  const std::regex bucket(R"(\n +\d+: +(\d+) gradients, +[\d.]+ MiB, from )");
  int buckets = 0, gradients = 0;
  for (std::sregex_iterator match(run.text.begin(), run.text.end(), bucket), end; match != end; ++match) {
    ++buckets;
    gradients += std::stoi((*match)[1]);
  }
  CHECK(buckets > 1);
  CHECK(gradients == 6);
  CHECK(has(run.text, "memory per rank, without activations: parameters 0.85 MiB, gradients 0.85 MiB"));
  CHECK(run.svg.empty());
}

TEST_CASE("a dry run of a split model says its stages and draws its schedule") {
  const DryRun run = dry(split_run(), Mode::layerwise, 2);
  CAPTURE(run.text);
  CHECK(has(run.text, "mode pipe, 2 ranks"));
  CHECK(has(run.text, "2 stages x 1 replicas, gpipe, 4 micro-batches"));
  CHECK(std::regex_search(run.text, std::regex(R"(\n +0 +\d+ )")));
  CHECK(std::regex_search(run.text, std::regex(R"(\n +1 +\d+ )")));
  CHECK(has(run.text, "predicted step "));
  CHECK(has(run.svg, "<svg"));
  CHECK(has(run.svg, "mlp: 2 stages x 1 replicas"));
}

TEST_CASE("a dry run refuses what the run would refuse") {
  RunConfig config = split_run();
  config.parallel.stages = 3;
  try {
    dry(config, Mode::layerwise, 2);
    FAIL("3 stages on 2 ranks were accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_input);
    CHECK(has(error.what(), "parallel.stages"));
  }
}
