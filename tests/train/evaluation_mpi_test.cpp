// Evaluation: over ranks and batches that do not divide the split it counts every sample once, and gives what
// one pass over the whole split gives.
#include "train/evaluation.hpp"

#include <numeric>

#include "reference.hpp"
#include "tasks/task.hpp"
#include "train/strategy.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr std::int64_t kSamples = 37;

// In one pass, on this rank alone.
Evaluation evaluate_at_once(Model& model, const Task& task, const Dataset& split) {
  const torch::NoGradGuard no_grad;
  Batch batch = split.make_batch(split.size(), /*pinned=*/false);
  std::vector<std::int64_t> ids(static_cast<std::size_t>(split.size()));
  std::iota(ids.begin(), ids.end(), 0);
  split.fetch(ids, 0, batch);
  StepBatch all;
  all.inputs = task.inputs(batch.used_inputs(), batch.used_targets());
  all.targets = batch.used_targets();
  all.samples = all.step_samples = split.size();
  model.eval();
  Tally tally = task.start_tally(torch::kCPU);
  task.add(model.forward(all.inputs), all, tally);
  model.train();
  return task.finish(tally);
}

Setup set_up(const std::string& model, Batching batching) {
  RunConfig config = configure(case_of(model));
  config.data.test_samples = kSamples;
  config.data.batching = batching;
  config.training.steps = 1;
  return make_setup(on_cpu(config), world().size() == 1 ? "seq" : "ddp", world());
}

}  // namespace

TEST_CASE("shares and batches of any size give what the whole split gives at once") {
  for (const auto& [model, batching] : {std::pair("mlp", Batching::fixed),
                                        {"conv_autoencoder", Batching::fixed},
                                        {"gpt", Batching::fixed},
                                        {"text_cnn", Batching::fixed},
                                        {"nbow", Batching::length}}) {
    Setup setup = set_up(model, batching);
    const auto task = make_task(setup.task, setup.data.train->info());
    const auto strategy =
        make_replicated_strategy("test", setup.model, *setup.communicator, setup.config, nullptr);
    const Evaluation expected = evaluate_at_once(*setup.model, *task, *setup.data.test);
    for (const std::int64_t batch : {1, 5, 64}) {
      CAPTURE(model, batch);
      const Evaluation done = evaluate(*strategy, *setup.model, *task, setup.data.test, world(),
                                       {.batch = batch, .workers = 2, .batching = batching});
      CHECK(done.loss == Approx(expected.loss).epsilon(1e-5));
      CHECK(done.metric == Approx(expected.metric).epsilon(1e-5));
      CHECK(done.confusion.values == expected.confusion.values);
      CHECK(setup.model->is_training());
    }
  }
}

TEST_CASE("every sample counts once, and no rank knows better than another") {
  Setup setup = set_up("mlp", Batching::fixed);
  const auto task = make_task(setup.task, setup.data.train->info());
  const auto strategy =
      make_replicated_strategy("test", setup.model, *setup.communicator, setup.config, nullptr);
  const Evaluation done =
      evaluate(*strategy, *setup.model, *task, setup.data.test, world(), {.batch = 4, .workers = 1});
  const auto& counts = done.confusion.values;
  CHECK(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}) == kSamples);
  const std::string mine = std::to_string(done.loss);
  CHECK(world().all_gather(mine) == std::vector<std::string>(static_cast<std::size_t>(world().size()), mine));
}
