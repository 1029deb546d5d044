// A pipeline of stages, and replicas of it: PipelineRunner within a replica, GradientReducer between the
// replicas of a stage.
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include <utility>

#include "parallel/distributed_data_parallel.hpp"
#include "parallel/pipeline_runner.hpp"
#include "train/autocast.hpp"
#include "train/pipeline_setup.hpp"
#include "train/strategy.hpp"

namespace lockstep {

namespace {

// Channels of the log: one a stage for the collectives of its replicas, then two a pair of stages and
// replica. Stage 0 sends nothing to itself: the first of a replica's is for the collectives of its stages,
// the second for what two of them exchange.
std::int64_t first_message_channel(const Pipeline& pipeline) {
  const std::int64_t stages = pipeline.plan.grid.stages();
  return stages + 2 * stages * stages * pipeline.replica;
}

std::vector<Communicator*> pointers(const std::vector<std::unique_ptr<Communicator>>& lanes) {
  std::vector<Communicator*> result;
  for (const auto& lane : lanes) result.push_back(lane.get());
  return result;
}

PipelineLinks links_of(const Pipeline& pipeline) {
  return {pointers(pipeline.activations), pointers(pipeline.gradients), &pipeline.from_host_to_host(),
          first_message_channel(pipeline)};
}

// A stage without replicas has no gradients to sum.
ReducerOptions options_among(const Communicator& replicas, const RunConfig& config) {
  ReducerOptions options = reducer_options(config);
  options.communicate = options.communicate && replicas.size() > 1;
  return options;
}

class PipelineStrategy final : public Strategy, private PipelineHost {
 public:
  PipelineStrategy(Pipeline& pipeline, std::shared_ptr<Model> local, Communicator& replicas,
                   const RunConfig& config, WorkLog* log)
      : pipeline_(pipeline),
        local_(std::move(local)),
        replicas_(replicas),
        bf16_(config.training.precision == Precision::bf16),
        runner_(pipeline.chunks, pipeline.plan.schedule, links_of(pipeline), log),
        reducer_(trainable_parameters(*local_), replicas, options_among(replicas, config), log),
        log_(log) {
    if (log) log->set_channel(pipeline.stage);
    connect_replicas(reducer_options(config).reduce_dtype);
    synchronise();
  }

  int replica() const override { return pipeline_.replica; }
  int replicas() const override { return pipeline_.plan.grid.replicas(); }
  int stage() const override { return pipeline_.stage; }
  bool sends_messages() const override { return true; }
  bool counts() const override { return pipeline_.stage == last_stage(); }
  // Each action may wait first, and the sends are waited for at the end.
  std::size_t phases_per_pass() const override {
    return 3 * pipeline_.plan.schedule[static_cast<std::size_t>(pipeline_.stage)].size() + 2;
  }

  torch::Tensor pass(const StepBatch& batch, const Task& task, StepRecorder& recorder,
                     PassPlace place) override {
    task_ = &task;
    recorder_ = &recorder;
    place_ = place;
    step_context_ = local_->dropout_context();
    cut(batch);
    zero_due_ = place.first;
    reducer_.set_synchronising(false);
    const torch::Tensor loss = runner_.train(micro_batches_, *this);
    return loss.defined() ? loss : torch::zeros({});
  }

  torch::Tensor forward(const Flow& inputs) override {
    recorder_ = nullptr;
    return runner_.evaluate({inputs, key_of(inputs, {})}, *this);
  }

  void finish_gradients() override {
    reducer_.finish();
    sum_tied_gradients(pipeline_.tied, pipeline_.of_all_stages(), log_, first_message_channel(pipeline_) + 1);
  }
  bool rebuild_buckets() override { return reducer_.rebuild(); }
  std::vector<std::size_t> learnt_order() const override { return reducer_.learnt_order(); }
  void expect_order(const std::vector<std::size_t>& order) override { reducer_.expect_order(order); }
  void synchronise() override {
    if (replicas_.size() > 1) broadcast_module_buffers(*local_, replicas_);
  }
  void require_quiet() const override { runner_.require_quiet(); }
  FlatBuckets& buckets() override { return reducer_.buckets(); }
  DropoutContext& dropout_context() override { return local_->dropout_context(); }

  torch::Tensor whole_norm(const torch::Tensor& norm, StepRecorder& recorder) override {
    const torch::NoGradGuard no_grad;
    torch::Tensor squares = norm.square();
    if (pipeline_.tied.copy) squares -= pipeline_.tied.weight.grad().square().sum();
    recorder.enter(Phase::stall);
    const WorkPtr work = pipeline_.of_all_stages().all_reduce(squares);
    if (log_) log_->add_message(work, first_message_channel(pipeline_));
    work->wait();
    recorder.enter(Phase::optimizer);
    return squares.sqrt();
  }

 private:
  // As make_pipeline does for the stages: which connections an all-reduce needs depends on its size.
  void connect_replicas(torch::ScalarType dtype) {
    if (replicas_.size() < 2 || !replicas_.occupies_device()) return;
    constexpr std::int64_t kStep = 8;
    std::int64_t largest = 1;
    for (const torch::Tensor& gradient : reducer_.buckets().gradients())
      largest = std::max(largest, gradient.numel());
    const auto options = reducer_.buckets().gradients().front().options().dtype(dtype);
    for (std::int64_t size = 1; size < kStep * largest; size *= kStep) {
      const WorkPtr work = replicas_.all_reduce(torch::zeros({std::min(size, largest)}, options));
      work->wait();
      work->times();
    }
  }

  int last_stage() const {
    return static_cast<int>(pipeline_.plan.boundaries.size() - 2) % pipeline_.plan.grid.stages();
  }

  static std::vector<std::int64_t> key_of(const Flow& inputs, const torch::Tensor& targets) {
    std::vector<std::int64_t> key;
    const auto add = [&](const torch::Tensor& tensor) {
      if (tensor.defined()) key.insert(key.end(), tensor.sizes().begin(), tensor.sizes().end());
    };
    for (const torch::Tensor& input : inputs) add(input);
    add(targets);
    return key;
  }

  // Into parts whose sizes differ by at most one. A part without a row of its own gets the first one, which
  // does not count.
  void cut(const StepBatch& batch) {
    const std::int64_t rows = batch.targets.size(0), parts = pipeline_.plan.micro_batches();
    micro_batches_.clear();
    parts_.clear();
    for (std::int64_t i = 0; i < parts; ++i) {
      std::int64_t begin = rows * i / parts, size = rows * (i + 1) / parts - begin;
      const std::int64_t real = std::clamp<std::int64_t>(batch.samples - begin, 0, size);
      if (size == 0) begin = 0, size = 1;
      StepBatch part = batch;
      for (torch::Tensor& input : part.inputs) input = input.narrow(0, begin, size);
      part.targets = batch.targets.narrow(0, begin, size);
      part.samples = real;
      part.first_sample = batch.first_sample + begin;
      micro_batches_.push_back({part.inputs, key_of(part.inputs, part.targets)});
      parts_.push_back(std::move(part));
    }
  }

  void computing(const Action& action) override {
    if (!recorder_) return;
    recorder_->enter(action.kind == Action::Kind::forward ? Phase::forward : Phase::backward);
    if (std::exchange(zero_due_, false)) reducer_.buckets().zero_gradients();
    DropoutContext& context = local_->dropout_context();
    context = step_context_;
    context.first_sample = parts_[static_cast<std::size_t>(action.micro_batch)].first_sample;
    // A chunk's gradients are complete after its last micro-batch of the step's last pass.
    if (action.kind == Action::Kind::backward)
      reducer_.set_synchronising(place_.last && action.micro_batch == last_backward(action.chunk));
  }

  // The micro-batch whose backward pass a chunk does last.
  int last_backward(int chunk) const {
    int last = 0;
    for (const Action& action : pipeline_.plan.schedule[static_cast<std::size_t>(pipeline_.stage)])
      if (action.kind == Action::Kind::backward && action.chunk == chunk) last = action.micro_batch;
    return last;
  }

  void waiting() override {
    if (recorder_) recorder_->enter(Phase::stall);
  }

  Flow forward(Model& chunk, Flow inputs) override {
    const AutocastGuard autocast(bf16_, inputs[0].device().type());
    return chunk.flow(std::move(inputs));
  }

  torch::Tensor loss(const torch::Tensor& output, int micro_batch) override {
    return task_->loss_share(output, parts_[static_cast<std::size_t>(micro_batch)]);
  }

  Pipeline& pipeline_;
  std::shared_ptr<Model> local_;
  Communicator& replicas_;
  bool bf16_;
  PipelineRunner runner_;
  GradientReducer reducer_;
  WorkLog* log_;
  const Task* task_ = nullptr;
  StepRecorder* recorder_ = nullptr;  // null while evaluating
  PassPlace place_{};
  bool zero_due_ = false;
  DropoutContext step_context_;
  std::vector<MicroBatch> micro_batches_;
  std::vector<StepBatch> parts_;
};

}  // namespace

std::unique_ptr<Strategy> make_pipeline_strategy(Pipeline& pipeline, std::shared_ptr<Model> local,
                                                 Communicator& replicas, const RunConfig& config,
                                                 WorkLog* log) {
  return std::make_unique<PipelineStrategy>(pipeline, std::move(local), replicas, config, log);
}

}  // namespace lockstep
