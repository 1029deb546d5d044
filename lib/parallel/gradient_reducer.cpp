#include "parallel/gradient_reducer.hpp"

#include <ATen/ops/_foreach_copy.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "parallel/initial_broadcast.hpp"
#include "parallel/prepared_work.hpp"

namespace lockstep {

// Connects a parameter's accumulator to the reducer. The accumulator outlives the reducer when the user keeps
// the parameter, hence the link is cut, not the hook removed (autograd has no call for that).
struct GradientReducer::Hook {
  GradientReducer* reducer;
  std::size_t parameter;
  std::shared_ptr<torch::autograd::Node> accumulator;  // autograd keeps only a weak reference
};

GradientReducer::GradientReducer(std::vector<NamedParameter> parameters, Communicator& communicator,
                                 ReducerOptions options, WorkLog* log)
    : communicator_(communicator),
      options_(options),
      log_(log),
      communicates_(options.communicate && communicator.backend() != BackendKind::self) {
  const std::vector<std::size_t> order = reverse_order(parameters.size());
  BucketPlan plan = plan_buckets(shapes_of(parameters), order, options_.bucket_sizes);
  FlatMemory memory;
  if (options_.share_out_values) memory.sharers = &communicator_;
  if (communicates_ && options_.reduce_dtype == torch::kFloat32) memory.communicator = &communicator_;
  memory.gradients = !options_.scatter;
  if (options_.scatter) options_.gather_below = std::numeric_limits<std::int64_t>::max();
  buckets_ = std::make_unique<FlatBuckets>(std::move(parameters), std::move(plan), memory);
  ready_order_.reserve(buckets_->parameters().size());
  if (communicates_) share_values(*buckets_, communicator_);
  for (const NamedParameter& p : buckets_->parameters())
    tables_.push_back(p.by_rows ? std::make_unique<RowGradient>(p.tensor) : nullptr);
  for (std::size_t p = 0; p < buckets_->parameters().size(); ++p) {
    auto hook = std::make_shared<Hook>(
        Hook{this, p, torch::autograd::impl::grad_accumulator(buckets_->parameters()[p].tensor)});
    hook->accumulator->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
        [weak = std::weak_ptr<Hook>(hook)](const auto& outputs, const auto& added) {
          if (const auto alive = weak.lock())
            alive->reducer->on_gradient_ready(alive->parameter, !added.empty() && added.front().defined());
          return outputs;
        }));
    hooks_.push_back(std::move(hook));
  }
  if (options_.scatter)
    shards_ =
        std::make_unique<GradientShards>(*buckets_, communicator_, options_.reduce_dtype, communicates_);
  prepare_wire_buffers();
  reset_step();
}

GradientReducer::~GradientReducer() = default;

void GradientReducer::prepare_wire_buffers() {
  wire_.clear();
  if (!communicates_ || options_.reduce_dtype == torch::kFloat32) return;
  for (const torch::Tensor& gradient : buckets_->gradients())
    wire_.push_back(
        communicator_.allocate(gradient.numel(), gradient.options().dtype(options_.reduce_dtype)));
}

void GradientReducer::reset_step() {
  const BucketPlan& plan = buckets_->plan();
  order_.begin(plan.buckets.size());
  for (std::size_t b = 0; b < plan.buckets.size(); ++b)
    order_.expect(b, static_cast<std::int64_t>(plan.buckets[b].slots.size()));
  ready_.assign(buckets_->parameters().size(), false);
  works_.assign(plan.buckets.size(), nullptr);
  if (shards_) shards_->release();
}

void GradientReducer::adopt(std::size_t parameter) {
  if (gathers(parameter)) return;
  if (tables_[parameter] && !buckets_->has_gradient_in_place(parameter)) tables_[parameter]->touch_all();
  buckets_->adopt_gradient(parameter);
}

void GradientReducer::on_gradient_ready(std::size_t parameter, bool by_autograd) {
  if (by_autograd && tables_[parameter]) tables_[parameter]->touch_all();
  adopt(parameter);
  if (!synchronising_) return;
  if (ready_[parameter])
    return;  // a second backward pass of the same step: only the first is reduced on the way
  ready_[parameter] = true;
  if (learning_order_) ready_order_.push_back(parameter);
  order_.ready(buckets_->plan().bucket_of[parameter]);
  if (options_.overlap)
    while (order_.next_is_complete()) launch(order_.take());
}

void GradientReducer::zero_gradients() {
  const torch::NoGradGuard no_grad;
  for (std::size_t b = 0; b < buckets_->plan().buckets.size(); ++b) {
    if (RowGradient* rows = rows_of(b)) {
      rows->clear(buckets_->gradients()[b]);
      continue;
    }
    bool all_gathered = true;
    for (const BucketPlan::Slot& slot : buckets_->plan().buckets[b].slots) {
      if (gathers(slot.parameter))
        torch::Tensor(buckets_->parameters()[slot.parameter].tensor).mutable_grad().reset();
      else
        all_gathered = false;
    }
    if (!all_gathered) torch::Tensor(buckets_->gradients()[b]).zero_();
  }
}

void GradientReducer::gather(std::size_t bucket) {
  std::vector<torch::Tensor> views, gradients;
  for (const BucketPlan::Slot& slot : buckets_->plan().buckets[bucket].slots) {
    if (!gathers(slot.parameter)) continue;
    torch::Tensor& gradient = torch::Tensor(buckets_->parameters()[slot.parameter].tensor).mutable_grad();
    torch::Tensor view = buckets_->gradient_view(slot.parameter);
    if (gradient.defined() && gradient.data_ptr() == view.data_ptr()) continue;
    if (gradient.defined()) {
      views.push_back(view);
      gradients.push_back(gradient);
    } else {
      view.zero_();
    }
    gradient = view;
  }
  if (!views.empty()) at::_foreach_copy_(views, gradients);
}

void GradientReducer::launch(std::size_t bucket) {
  const torch::NoGradGuard no_grad;
  if (shards_) return scatter(bucket);
  if (options_.gather_below > 0) gather(bucket);
  if (!communicates_ || rows_of(bucket)) return;
  works_[bucket] = reduce(bucket, buckets_->gradients()[bucket]);
  if (log_) log_->add(works_[bucket], static_cast<int>(bucket));
}

void GradientReducer::scatter(std::size_t bucket) {
  if (shards_->is_blocked(bucket)) {
    if (observer_) observer_(true);
    shards_->unblock(bucket);
    if (observer_) observer_(false);
  }
  works_[bucket] = shards_->launch(bucket, options_.average ? 1.0 / communicator_.size() : 1);
  if (log_ && works_[bucket]) log_->add(works_[bucket], static_cast<int>(bucket));
}

WorkPtr GradientReducer::reduce(std::size_t bucket, torch::Tensor part) {
  const bool average = options_.average && communicator_.size() > 1;
  if (average && !communicator_.takes_mean()) part.mul_(1.0 / communicator_.size());
  torch::Tensor message = part;
  if (!wire_.empty()) message = wire_[bucket].narrow(0, 0, part.numel()).copy_(part);
  return communicator_.all_reduce(message,
                                  average && communicator_.takes_mean() ? ReduceOp::mean : ReduceOp::sum);
}

void GradientReducer::finish() {
  for (std::size_t p = 0; p < ready_.size(); ++p)
    if (!ready_[p]) adopt(p);
  while (!order_.done()) launch(order_.take());
  const torch::NoGradGuard no_grad;
  if (communicates_) reduce_tables();
  for (std::size_t b = 0; b < works_.size(); ++b) {
    if (!works_[b]) continue;
    works_[b]->wait();
    if (shards_)
      shards_->receive(b);
    else if (!wire_.empty() && !rows_of(b))
      torch::Tensor(buckets_->gradients()[b]).copy_(wire_[b]);
  }
  reset_step();
}

// In the order of the buckets, as on every rank.
void GradientReducer::reduce_tables() {
  for (std::size_t b = 0; b < works_.size(); ++b) {
    RowGradient* rows = rows_of(b);
    if (rows == nullptr) continue;
    works_[b] = rows->share_touched(communicator_);
    if (log_) log_->add(works_[b], /*bucket=*/-1, /*blocking=*/true);
  }
  for (std::size_t b = 0; b < works_.size(); ++b) {
    if (rows_of(b) == nullptr) continue;
    works_[b]->wait();
    works_[b] = reduce_table(b);
    if (log_) log_->add(works_[b], static_cast<int>(b));
  }
}

WorkPtr GradientReducer::reduce_table(std::size_t bucket) {
  const SteadyTime begin = steady_now();
  const torch::Tensor gradient = buckets_->gradients()[bucket];
  const torch::Tensor part = rows_of(bucket)->pack(gradient);
  return prepared(reduce(bucket, part), begin, [this, bucket, gradient, part] {
    if (!wire_.empty()) torch::Tensor(part).copy_(wire_[bucket].narrow(0, 0, part.numel()));
    rows_of(bucket)->unpack(gradient);
  });
}

std::vector<std::size_t> agree_on_order(std::vector<std::size_t> seen, std::size_t parameters,
                                        const torch::Device& device, Communicator* communicator) {
  std::vector<bool> known(parameters, false);
  for (const std::size_t p : seen) known[p] = true;
  for (const std::size_t p : reverse_order(parameters))
    if (!known[p]) seen.push_back(p);
  torch::Tensor order = torch::empty({static_cast<std::int64_t>(seen.size())}, torch::kInt64);
  for (std::size_t i = 0; i < seen.size(); ++i)
    order.data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(seen[i]);
  torch::Tensor shared = order.to(device);
  if (communicator != nullptr) communicator->broadcast(shared, 0)->wait();
  order = shared.to(torch::kCPU);
  const auto* first = order.data_ptr<std::int64_t>();
  return {first, first + order.numel()};
}

void GradientReducer::expect_order(const std::vector<std::size_t>& order) {
  ready_order_.clear();
  const std::vector<std::size_t> all = reverse_order(buckets_->parameters().size());
  if (std::is_permutation(order.begin(), order.end(), all.begin(), all.end())) ready_order_ = order;
}

bool GradientReducer::rebuild() {
  if (!learning_order_) return false;
  learning_order_ = false;
  learnt_order_ =
      agree_on_order(ready_order_, buckets_->parameters().size(), buckets_->values().front().device(),
                     communicates_ ? &communicator_ : nullptr);
  if (learnt_order_ == reverse_order(learnt_order_.size())) return false;
  lay_out(learnt_order_);
  return true;
}

bool GradientReducer::reduce_as(bool overlap, const BucketSizes& sizes) {
  options_.overlap = overlap;
  if (options_.bucket_sizes == sizes) return false;
  options_.bucket_sizes = sizes;
  lay_out(learning_order_ ? reverse_order(buckets_->parameters().size()) : learnt_order_);
  return true;
}

void GradientReducer::lay_out(const std::vector<std::size_t>& order) {
  buckets_->relayout(plan_buckets(shapes_of(buckets_->parameters()), order, options_.bucket_sizes));
  if (shards_) shards_->adopt_layout();
  prepare_wire_buffers();
  reset_step();
}

}  // namespace lockstep
