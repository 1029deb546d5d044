#include "train/strategy.hpp"

#include <limits>
#include <optional>
#include <utility>

#include "nn/own_kernels.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "parallel/sync_batch_norm.hpp"
#include "train/autocast.hpp"

namespace lockstep {

namespace {

torch::ScalarType wire_dtype(ReduceDtype dtype) {
  switch (dtype) {
    case ReduceDtype::fp32:
      return torch::kFloat32;
    case ReduceDtype::bf16:
      return torch::kBFloat16;
    case ReduceDtype::fp16:
      return torch::kHalf;
  }
  return torch::kFloat32;
}

// In bf16 layers of our own add large gradients to their places (nn/gradient_sink.hpp).
constexpr std::int64_t kGatheredBesideSinks = 1 << 18;

ReducerOptions options_on(torch::DeviceType device, const RunConfig& config) {
  ReducerOptions options = reducer_options(config);
  options.share_out_values = config.parallel.shard == Sharding::optimizer;
  if (device == torch::kCUDA)
    options.gather_below = config.training.precision == Precision::bf16
                               ? kGatheredBesideSinks
                               : std::numeric_limits<std::int64_t>::max();
  return options;
}

class ReplicatedStrategy : public Strategy {
 public:
  ReplicatedStrategy(std::shared_ptr<Model> model, Communicator& communicator, const RunConfig& config,
                     WorkLog* log)
      : model_(std::move(model)),
        communicator_(communicator),
        bf16_(config.training.precision == Precision::bf16),
        device_(model_->parameters().front().device().type()),
        reducer_(reduced_parameters(*model_, config), communicator, options_on(device_, config), log),
        log_(log),
        clips_(config.training.grad_clip > 0) {
    if (config.parallel.shard == Sharding::optimizer) shards_.emplace(reducer_.buckets(), communicator, log);
    make_norms();
    if (device_ == torch::kCUDA) one_ = torch::ones({}, model_->parameters().front().device());
    synchronise();
    // On one rank too: the same arithmetic, so that N ranks can be compared with one.
    if (config.parallel.sync_batchnorm) synchronise_batch_norm(*model_, communicator, log);
  }

  int replica() const override { return communicator_.rank(); }
  int replicas() const override { return communicator_.size(); }

  torch::Tensor forward(const Flow& inputs) override {
    const AutocastGuard autocast(bf16_, device_);
    return model_->forward(inputs);
  }

  torch::Tensor pass(const StepBatch& batch, const Task& task, StepRecorder& recorder,
                     PassPlace place) override {
    recorder.enter(Phase::forward);
    const torch::Tensor output = forward(batch.inputs);
    recorder.offer_mark();  // to batch.after_loss
    const torch::Tensor loss = task.loss_share(output, batch);

    recorder.enter(Phase::backward);
    if (place.first) reducer_.zero_gradients();
    reducer_.set_synchronising(place.last);
    loss.backward(one_);
    return loss.detach();
  }

  void finish_gradients() override { reducer_.finish(); }
  // On the CPU the norm has the same bits whether the ranks share the work or each does all of it.
  NormShare norm_share() const override {
    if (device_ != torch::kCPU) return {};
    return {communicator_.size(), shares_norm()};
  }
  torch::Tensor whole_norm(const torch::Tensor& norm, StepRecorder& recorder) override {
    if (!shares_norm()) return norm;
    const torch::NoGradGuard no_grad;
    const torch::Tensor mine = norms_.narrow(0, communicator_.rank() * norm.numel(), norm.numel());
    mine.copy_(norm);
    norm_work_ = communicator_.all_gather(norms_, mine);
    if (log_) log_->add(norm_work_, -1);
    if (clips_) {
      recorder.enter(Phase::wait);
      take_norm();
      recorder.enter(Phase::optimizer);
    }
    return norm_;
  }
  void finish_update(StepRecorder& recorder) override {
    if (!shards_ || !communicates()) return;
    shards_->launch();
    recorder.enter(Phase::wait);
    shards_->wait();
    if (norm_work_) take_norm();
  }
  void abandon_step() override { reducer_.abandon(); }
  bool communicates() const override { return reducer_.communicates(); }
  bool rebuild_buckets() override { return adopt_layout(reducer_.rebuild()); }
  bool reduce_as(const Reduction& reduction) override {
    communicator_.use_thread(reduction.overlap == Overlap::thread);
    return adopt_layout(reducer_.reduce_as(reduction.overlap != Overlap::after,
                                           {reducer_.bucket_sizes().first_mb, reduction.bucket_mb}));
  }
  std::vector<std::size_t> learnt_order() const override { return reducer_.learnt_order(); }
  void expect_order(const std::vector<std::size_t>& order) override { reducer_.expect_order(order); }
  void synchronise() override {
    if (communicator_.size() > 1) broadcast_module_buffers(*model_, communicator_);
  }
  FlatBuckets& buckets() override { return reducer_.buckets(); }
  const ParameterShards* shards() const override { return shards_ ? &*shards_ : nullptr; }
  void prepare_step() override { model_->prepare_step(); }
  DropoutContext& dropout_context() override { return model_->dropout_context(); }

 private:
  bool adopt_layout(bool changed) {
    if (changed && shards_) {
      shards_->adopt_layout();
      make_norms();
    }
    return changed;
  }

  // Where the ranks have their parameters in common they meet at so little cost that each may leave most of the norm
  // to the others.
  bool shares_norm() const { return shards_ && communicates() && reducer_.buckets().values_in_common(); }
  void make_norms() {
    if (!shares_norm()) return;
    const torch::TensorOptions options = torch::TensorOptions().dtype(torch::kFloat32);
    const auto buckets = static_cast<std::int64_t>(reducer_.buckets().gradients().size());
    norms_ = communicator_.allocate(communicator_.size() * buckets, options);
    norm_ = torch::zeros({1}, options);
  }
  void take_norm() {
    const torch::NoGradGuard no_grad;
    std::exchange(norm_work_, nullptr)->wait();
    norm_.copy_(at::linalg_vector_norm(norms_).view({1}));
  }

  std::shared_ptr<Model> model_;
  Communicator& communicator_;
  bool bf16_;
  torch::DeviceType device_;
  torch::Tensor one_;  // a GPU's losses by themselves; undefined: made in each backward pass
  GradientReducer reducer_;
  std::optional<ParameterShards> shards_;  // of the reducer's buckets; none: every rank updates everything
  WorkLog* log_;
  bool clips_;
  // Where the ranks share the norm: of each rank's part of each bucket, (ranks x buckets), and of all, (1).
  torch::Tensor norms_, norm_;
  WorkPtr norm_work_;
};

}  // namespace

AskedReduction asked_reduction(const RunConfig& config) {
  return {config.parallel.overlap, config.parallel.bucket_mb, config.parallel.first_bucket_mb};
}

ReducerOptions reducer_options(const RunConfig& config) {
  ReducerOptions options;
  const Reduction usual = asked_reduction(config).usual();
  options.bucket_sizes = {config.parallel.first_bucket_mb, usual.bucket_mb};
  options.overlap = usual.overlap != Overlap::after;
  options.reduce_dtype = wire_dtype(config.parallel.reduce_dtype);
  options.communicate = config.parallel.ablation != Ablation::no_comm;
  options.average = false;  // a loss share is already part of the global mean
  return options;
}

std::vector<NamedParameter> reduced_parameters(const Model& model, const RunConfig& config) {
  std::vector<NamedParameter> parameters = trainable_parameters(model);
  // LibTorch's embeddings do not say which rows they touch.
  if (config.parallel.sparse_gradients == SparseGradients::automatic && own_kernels())
    mark_tables(parameters, model);
  return parameters;
}

std::unique_ptr<Strategy> make_replicated_strategy(std::shared_ptr<Model> model, Communicator& communicator,
                                                   const RunConfig& config, WorkLog* log) {
  return std::make_unique<ReplicatedStrategy>(std::move(model), communicator, config, log);
}

}  // namespace lockstep
