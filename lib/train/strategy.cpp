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
  options.share_out_values = config.parallel.shards_optimizer();
  options.scatter = config.parallel.shard == Sharding::gradients;
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
    if (config.parallel.shards_optimizer())
      shards_.emplace(reducer_.buckets(), reducer_.shards(), communicator, log);
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
    if (reducer_.shards())
      reducer_.set_wait_observer(
          [&recorder](bool waits) { recorder.enter(waits ? Phase::wait : Phase::backward); });
    loss.backward(one_);
    reducer_.set_wait_observer({});
    return loss.detach();
  }
  std::size_t phases_per_pass() const override {
    return 2 + (reducer_.shards() ? 2 * reducer_.buckets().plan().buckets.size() : 0);
  }

  void finish_gradients() override { reducer_.finish(); }
  // On the CPU the norm has the same bits whether the ranks share the work or each does all of it.
  NormShare norm_share() const override {
    const bool own_part = shares_norm() || reducer_.shards() != nullptr;
    return {device_ == torch::kCPU || own_part ? communicator_.size() : 1, own_part};
  }
  torch::Tensor whole_norm(const torch::Tensor& norm, StepRecorder& recorder) override {
    if (!shares_norm()) return norm.numel() == 1 ? norm : at::linalg_vector_norm(norm).view({1});
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
  std::int64_t gradient_bytes() override {
    return reducer_.shards() ? reducer_.shards()->bytes() : Strategy::gradient_bytes();
  }
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

  // Where each has its part of the gradients alone; and where the ranks have their parameters in common, for there they
  // meet at so little cost that each may leave most of the norm to the others.
  bool shares_norm() const {
    return shards_ && communicates() && (reducer_.shards() || reducer_.buckets().values_in_common());
  }
  void make_norms() {
    if (!shares_norm()) return;
    const auto options = reducer_.buckets().values().front().options().dtype(torch::kFloat32);
    const std::size_t numbers = device_ == torch::kCPU ? reducer_.buckets().plan().buckets.size() : 1;
    norms_ = communicator_.allocate(communicator_.size() * static_cast<std::int64_t>(numbers), options);
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
  // Where the ranks share the norm: of each rank's part of each bucket, (ranks x buckets), on a GPU of all its parts,
  // (ranks); and of everything, (1).
  torch::Tensor norms_, norm_;
  WorkPtr norm_work_;
};

}  // namespace

std::int64_t Strategy::gradient_bytes() {
  std::int64_t bytes = 0;
  for (const torch::Tensor& flat : buckets().gradients()) bytes += static_cast<std::int64_t>(flat.nbytes());
  return bytes;
}

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
  // LibTorch's embeddings do not say which rows they touch; and where gradients are scattered nobody keeps a table of
  // which rows could be cleared.
  if (config.parallel.sparse_gradients == SparseGradients::automatic && own_kernels() &&
      config.parallel.shard != Sharding::gradients)
    mark_tables(parameters, model);
  return parameters;
}

std::unique_ptr<Strategy> make_replicated_strategy(std::shared_ptr<Model> model, Communicator& communicator,
                                                   const RunConfig& config, WorkLog* log) {
  return std::make_unique<ReplicatedStrategy>(std::move(model), communicator, config, log);
}

}  // namespace lockstep
