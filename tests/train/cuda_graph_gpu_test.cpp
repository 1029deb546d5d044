// Captured steps beside the same steps uncaptured, on a GPU.
#include "train/cuda_graph.hpp"

#include <ATen/Context.h>
#include <torch/nn/modules/linear.h>

#include <cmath>
#include <iostream>
#include <thread>

#include "comm/self_communicator.hpp"
#include "parity.hpp"
#include "support/catch.hpp"
#include "support/close_tensors.hpp"
#include "support/gpu.hpp"
#include "timing/device_events.hpp"
#include "train/training_stream.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/stamp.hpp"
#include "train/replay_marks.hpp"
#endif

using namespace lockstep;
using namespace lockstep::test;

#ifdef LOCKSTEP_WITH_CUDA

namespace {

constexpr std::int64_t kGraphSteps = 12;

// As in the cases of parity, but with dropout, clipping and a learning rate that changes.
RunConfig configure_captured(const Case& c) {
  RunConfig config = configure(c);
  std::erase_if(config.model.hyper, [](const Setting& s) { return s.key == "dropout"; });
  config.training.steps = kGraphSteps;
  config.training.grad_clip = 1;
  config.training.optimizer.name = OptimizerKind::adam;
  config.training.optimizer.lr = 1e-3;
  return config;
}

std::unique_ptr<DeviceTimeline> make_timeline(std::size_t phases) {
  return make_cuda_timeline(
      StepRecorder::timeline_slots(phases),
      [] { return static_cast<void*>(c10::cuda::getCurrentCUDAStream().stream()); },
      [](std::uint64_t* word, void* on) { kernels::stamp_at(word, static_cast<cudaStream_t>(on)); });
}

struct Trained {
  std::vector<float> losses, norms;
  std::size_t captured = 0;
  std::string failure;         // why the capture failed
  double largest_residue = 0;  // of a step's wall time less its phases, s
  double shortest_pass = 1;    // forward or backward, s
  std::int64_t replayed = 0;   // marks
  std::int64_t nodes = 0;      // of these, such as are nodes of their own
};

Trained train_on_gpu(const RunConfig& config, const DataSplits& data, bool capture) {
  const torch::Device device(torch::kCUDA, 0);
  const TrainingStream stream(device);
  const auto model = make_untrained(config, data);
  model->to(device);
  model->train();
  torch::manual_seed(7);
  const auto communicator = make_self_communicator();
  const auto strategy = make_replicated_strategy(model, *communicator, config, nullptr);
  const BatchPlan plan{.dataset_size = data.train->size(), .global_batch = *config.training.global_batch};
  const auto task = make_task(model_task(config.model), data.train->info());
  const std::size_t phases = TrainingStep::phases(*strategy, 1);
  const auto timeline = make_timeline(phases);
  StepRecorder recorder(steady_now(), phases, timeline.get());
  FlatOptimizer optimizer(config.training.optimizer, strategy->buckets());
  WorkAudit audit(plan.dataset_size);
  StepGraphs graphs(capture, recorder);
  TrainingStep step(config, device, *strategy, *task, optimizer, recorder, audit, graphs);
  Loader loader(data.train, plan, 0, 1, 2, /*pinned=*/true);
  loader.begin_epoch(0);
  step.begin_epoch(kGraphSteps);
  recorder.begin_epoch(kGraphSteps);
  Trained result;
  for (std::int64_t s = 0; s < kGraphSteps; ++s) {
    step.run(&loader, s, s, config.training.optimizer.lr / static_cast<double>(s + 1));
    const BucketPlan before = strategy->buckets().plan();
    if (s == 0 && strategy->rebuild_buckets()) optimizer.relayout(before);
    if (!step.may_capture() || s + 1 == kGraphSteps) continue;
    recorder.exclude_gap();
    result.failure = step.capture();
  }
  const std::vector<StepSpans> spans = recorder.take_epoch();
  for (std::int64_t s = 0; s < kGraphSteps; ++s) {
    result.losses.push_back(step.loss_share(s));
    result.norms.push_back(step.gradient_norm(s));
    const StepSpans& of_step = spans[static_cast<std::size_t>(s)];
    double residue = of_step.whole.end - of_step.whole.begin;
    for (const PhaseSpan& span : of_step.phases) {
      CHECK(span.interval.end >= span.interval.begin);
      residue -= span.interval.end - span.interval.begin;
      if (span.phase == Phase::forward || span.phase == Phase::backward)
        result.shortest_pass = smaller(result.shortest_pass, span.interval.end - span.interval.begin);
    }
    result.largest_residue = larger(result.largest_residue, std::abs(residue));
  }
  result.captured = graphs.size();
  result.nodes = recorder.counts().replayed;
  result.replayed = result.nodes + recorder.counts().carried;
  return result;
}

}  // namespace

TEST_CASE("captured steps of every model have the losses of the same steps uncaptured, bit for bit") {
  if (!gpu_is_there()) return;
  at::globalContext().setDeterministicCuDNN(true);
  for (const Case& c : cases()) {
    CAPTURE(name_of(c));
    const RunConfig config = configure_captured(c);
    const DataSplits data = load_data(config, 1);
    const Trained eager = train_on_gpu(config, data, false), captured = train_on_gpu(config, data, true);
    CAPTURE(captured.failure);
    CHECK(captured.failure.empty());
    CHECK(captured.captured == 1);
    CHECK(captured.replayed > 0);
    // A class's or a token's loss is a kernel of ours, and with it every phase begins with one.
    if (c.model == "mlp" || c.model == "gpt") CHECK(captured.nodes == 0);
    CHECK(eager.replayed == 0);
    CHECK(captured.losses == eager.losses);
    CHECK(captured.norms == eager.norms);
    CHECK(eager.losses.back() != eager.losses.front());
    CHECK(captured.largest_residue < 1e-9);
    CHECK(captured.shortest_pass > 0);
  }
}

TEST_CASE("a capture that fails leaves the step to go on as if nothing had been tried") {
  if (!gpu_is_there()) return;
  Case c = case_of("transformer");
  RunConfig config = configure_captured(c);
  const DataSplits data = load_data(config, 1);
  const torch::Device device(torch::kCUDA, 0);
  const TrainingStream stream(device);
  torch::manual_seed(7);
  const torch::Tensor x = torch::ones({4, 4}, device), targets = torch::zeros({4}, device);
  const torch::Tensor expected = [&] {
    at::dropout(x, 0.5, true);
    return at::dropout(x, 0.5, true).cpu();
  }();
  torch::manual_seed(7);
  at::dropout(x, 0.5, true);
  const auto timeline = make_timeline(2);
  StepRecorder recorder(steady_now(), 2, timeline.get());
  recorder.begin_epoch(1);
  StepGraphs graphs(true, recorder);
  const std::string failure =
      graphs.capture({1}, x, targets, [](const torch::Tensor& in, const torch::Tensor&) {
        const torch::Tensor y = at::dropout(in, 0.5, true);
        const float sum = y.sum().item<float>();  // waits for the device: not while it is captured
        return StepGraphs::Numbers{in + sum, y};
      });
  CHECK(!failure.empty());
  std::cout << "refused: " << failure << std::endl;
  CHECK(graphs.size() == 0);
  CHECK(!graphs.enabled());
  CHECK(torch::equal(at::dropout(x, 0.5, true).cpu(), expected));
}

TEST_CASE("a replayed step reads the batch that it was given, of any size") {
  if (!gpu_is_there()) return;
  constexpr std::int64_t kSteps = 9;
  const torch::Device device(torch::kCUDA, 0);
  const TrainingStream stream(device);
  const auto timeline = make_timeline(4);
  for (const std::int64_t width : {1, 4, 7, 5000}) {
    CAPTURE(width);
    StepRecorder recorder(steady_now(), 4, timeline.get());
    StepGraphs graphs(true, recorder);
    const torch::Tensor x = torch::zeros({3, width}, device), t = torch::zeros({3}, device).to(torch::kInt64);
    REQUIRE(graphs
                .capture({width}, x, t,
                         [&](const torch::Tensor& inputs, const torch::Tensor& targets) {
                           recorder.enter(Phase::forward);
                           return StepGraphs::Numbers{inputs.amin().view({1}) + inputs.amax().view({1}),
                                                      targets.sum().to(torch::kFloat32).view({1})};
                         })
                .empty());
    recorder.begin_epoch(kSteps);
    std::vector<float> results(2 * kSteps);
    std::vector<torch::Tensor> kept;
    for (std::int64_t s = 0; s < kSteps; ++s) {
      kept.push_back(torch::full({3, width}, static_cast<float>(s)).pin_memory());
      kept.push_back(torch::full({3}, 10 * s, torch::kInt64).pin_memory());
      recorder.begin_step();
      recorder.enter(Phase::data);
      recorder.enter_on_host(Phase::h2d);
      graphs.find({width})->set_batch(kept[kept.size() - 2], kept.back());
      graphs.find({width})->replay(&results[static_cast<std::size_t>(2 * s)]);
      recorder.end_step();
    }
    recorder.take_epoch();
    for (std::int64_t s = 0; s < kSteps; ++s) {
      CAPTURE(s);
      CHECK(results[static_cast<std::size_t>(2 * s)] == static_cast<float>(2 * s));
      CHECK(results[static_cast<std::size_t>(2 * s + 1)] == static_cast<float>(30 * s));
    }
  }
}

TEST_CASE("marks of a replayed graph and events lie on one time line") {
  if (!gpu_is_there()) return;
  const torch::Device device(torch::kCUDA, 0);
  const TrainingStream stream(device);
  const auto timeline = make_timeline(2);
  ReplayRing ring(2);
  torch::Tensor x = torch::ones({1 << 22}, device), number = torch::full({1}, 7.0, device);
  at::cuda::CUDAGraph graph;
  x.mul_(1.5);
  graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
  ring.capture_mark(0);
  x.mul_(1.5);
  ring.capture_mark(1);
  x.mul_(0.5);
  ring.capture_end(2, number, x);
  graph.capture_end();
  float unused[2];
  ring.begin_replay(unused);
  graph.replay();  // the first one sets it up
  torch::cuda::synchronize();
  double early = 0, late = 0;  // of marks against the events around them, s
  for (int i = 0; i < 200; ++i) {
    float results[2] = {0, 0};
    timeline->mark(0);
    const std::int64_t replay = ring.begin_replay(results);
    graph.replay();
    timeline->mark(1);
    torch::cuda::synchronize();
    SteadyTime before = timeline->time_of(0);
    for (std::size_t mark = 0; mark < 3; ++mark) {
      const SteadyTime at = timeline->time_of_stamp(ring.stamp(replay, mark));
      early = larger(early, seconds_between(at, before));
      before = at;
    }
    late = larger(late, seconds_between(timeline->time_of(1), before));
    CHECK(results[0] == 7);
    if (i == 100) std::this_thread::sleep_for(std::chrono::milliseconds(1200));  // another anchor
  }
  std::cout << "marks before what precedes them by at most " << early * 1e6 << " us, behind what follows by "
            << late * 1e6 << " us" << std::endl;
  CHECK(early < 5e-6);
  CHECK(late < 5e-6);
}

TEST_CASE("the flat optimizers of a GPU step as LibTorch's on the CPU, clipped or not") {
  if (!gpu_is_there()) return;
  for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::adam, OptimizerKind::adamw}) {
    for (const double clip : {0.0, 0.1}) {
      CAPTURE(static_cast<int>(kind), clip);
      RunConfig::Optimizer options{.name = kind, .lr = 0.01, .weight_decay = 0.01, .momentum = 0.9};
      const auto communicator = make_self_communicator();
      const auto trained = [&](torch::Device device) {
        torch::manual_seed(3);
        torch::nn::Linear net(7, 5);
        net->to(device);
        GradientReducer reducer({{"weight", net->weight}, {"bias", net->bias}}, *communicator, {});
        FlatOptimizer optimizer(options, reducer.buckets());
        for (int i = 0; i < 5; ++i) {
          reducer.zero_gradients();
          const torch::Tensor x = torch::arange(21, torch::kFloat32).view({3, 7}).to(device) / (10 + i);
          net->forward(x).square().sum().backward();
          reducer.finish();
          const torch::Tensor norm = optimizer.gradient_norm();
          optimizer.begin_step(options.lr);
          optimizer.apply(norm, clip);
        }
        return torch::cat({net->weight.flatten(), net->bias}).detach().cpu();
      };
      CHECK(largest_difference(trained(torch::Device(torch::kCUDA, 0)), trained(torch::kCPU)) < 1e-5);
    }
  }
}

#else

TEST_CASE("captured steps need a GPU") { say_skipped("this build has no CUDA"); }

#endif
