#include "parallel/module_reducer.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "comm/comm_observer.hpp"
#include "parallel/gradient_reducer.hpp"
#include "parallel/initial_broadcast.hpp"
#include "results/run_data.hpp"

namespace lockstep {

namespace {

torch::Tensor real_view(const torch::Tensor& flat) {
  return flat.is_complex() ? at::view_as_real(flat).view(-1) : flat;
}

bool alike(const torch::Tensor& parameter, const torch::Tensor& gradient) {
  return parameter.scalar_type() == gradient.scalar_type() && parameter.device() == gradient.device() &&
         parameter.sizes() == gradient.sizes() &&
         (parameter.strides() == gradient.strides() || !parameter.is_non_overlapping_and_dense());
}

}  // namespace

ModuleReducer::ModuleReducer(std::vector<NamedParameter> parameters, Communicator& communicator,
                             ModuleReducerOptions options)
    : all_(std::move(parameters)),
      communicator_(communicator),
      hook_communicator_(communicator, this),
      options_(std::move(options)),
      communicates_(communicator.size() > 1),
      contributors_(communicator.size()),
      slot_of_(all_.size(), kNone),
      pass_({.ended = [this] { finish(); }, .abandoned = [this] { abandon_pass(); }}) {
  lay_out();
  hooks_.emplace(all_, static_cast<GradientListener&>(*this));
}

ModuleReducer::~ModuleReducer() {
  if (communicator_.observer() != nullptr) communicator_.observer()->forget_buckets(this);
}

bool ModuleReducer::layout_holds() const {
  for (std::size_t p = 0; p < all_.size(); ++p) {
    const torch::Tensor& tensor = all_[p].tensor;
    if (slot_of_[p] == kNone) {
      if (tensor.requires_grad()) return false;
      continue;
    }
    if (!alike(tensor, buckets_->gradient_view(slot_of_[p]))) return false;
  }
  return true;
}

// Also after a change: a parameter stays in the buckets when it is frozen.
void ModuleReducer::lay_out() {
  std::vector<NamedParameter> reduced;
  for (std::size_t p = 0; p < all_.size(); ++p) {
    if (slot_of_[p] == kNone && !all_[p].tensor.requires_grad()) continue;
    slot_of_[p] = reduced.size();
    reduced.push_back(all_[p]);
  }
  BucketPlan plan = plan_buckets(shapes_of(reduced), reverse_order(reduced.size()), options_.bucket_sizes);
  const std::int64_t told = 1 + static_cast<std::int64_t>(reduced.size());
  slots_.assign(reduced.size(), {});
  buckets_ = std::make_unique<FlatBuckets>(std::move(reduced), std::move(plan),
                                           FlatMemory{.values = false,
                                                      .gradients = communicates_,
                                                      .passengers = options_.hook ? 0 : told,
                                                      .communicator = &communicator_});
  ready_order_.clear();
  ready_order_.reserve(slots_.size());
  learning_ = true;
  rebuilt_ = false;
  if (communicates_) adopt_layout();
}

void ModuleReducer::tell_buckets() {
  CommObserver* const observer = communicator_.observer();
  if (observer != nullptr && !observer->knows_buckets(this))
    observer->set_buckets(this, bucket_table(*buckets_));
}

void ModuleReducer::adopt_layout() {
  if (communicator_.observer() != nullptr) communicator_.observer()->forget_buckets(this);
  const std::size_t buckets = buckets_->plan().buckets.size();
  wire_.assign(buckets, {});
  gradient_buckets_.clear();
  for (std::size_t b = 0; b < buckets; ++b) {
    const torch::Tensor message = real_view(buckets_->messages()[b]);
    if (options_.reduce_dtype && message.scalar_type() != *options_.reduce_dtype)
      wire_[b] = torch::empty_like(message, message.options().dtype(*options_.reduce_dtype));
    gradient_buckets_.push_back({b, real_view(buckets_->gradients()[b]), {}});
    for (const BucketPlan::Slot& slot : buckets_->plan().buckets[b].slots)
      gradient_buckets_.back().views.push_back(buckets_->gradient_view(slot.parameter));
  }
  const torch::Tensor& any = buckets_->gradients().back();
  if (options_.hook)
    told_ =
        torch::zeros({1 + static_cast<std::int64_t>(slots_.size())}, any.options().dtype(torch::kFloat32));
  else
    told_ = any.is_complex() ? at::real(buckets_->passengers()) : buckets_->passengers();
  reset_pass();
}

void ModuleReducer::reset_pass() {
  for (Slot& slot : slots_) slot = {.expected = slot.expected, .repeats = slot.repeats};
  const auto& buckets = buckets_->plan().buckets;
  order_.begin(buckets.size());
  for (std::size_t b = 0; b < buckets.size(); ++b)
    for (const BucketPlan::Slot& slot : buckets[b].slots)
      if (slots_[slot.parameter].expected != 0) order_.expect(b);
  completions_.clear();
  in_pass_ = false;
}

void ModuleReducer::begin_pass() {
  if (!layout_holds()) {
    lay_out();
    require_same_parameters(all_, communicator_);
  } else if (!learning_ && !rebuilt_) {
    rebuild();
  }
  tell_buckets();
  in_pass_ = true;
}

void ModuleReducer::on_gradient(std::size_t parameter) {
  if (!communicates_) return;
  if (!synchronising_) return accumulate(parameter);
  const BackwardPass::Place place = pass_.enter();
  if (place.first) begin_pass();
  const std::size_t slot = slot_of_[parameter];
  if (slot == kNone)
    throw run_error("parameter '{}' was unfrozen in the middle of a backward pass; do it between two steps",
                    all_[parameter].name);
  if (buckets_->plan().bucket_of[slot] < order_.next())
    throw run_error("parameter '{}' was given another gradient after its bucket had been reduced; {}",
                    all_[parameter].name,
                    options_.static_graph
                        ? "the graph is not the one of the first backward pass: set static_graph to false"
                        : "it is used in another way than in the first backward pass: set overlap to false");
  buckets_->take_gradient(slot);
  note(slot, place.nested);
  if (options_.overlap) launch_complete_buckets();
}

void ModuleReducer::accumulate(std::size_t parameter) {
  const std::size_t slot = slot_of_[parameter];
  if (slot != kNone && alike(all_[parameter].tensor, buckets_->gradient_view(slot)))
    buckets_->take_gradient(slot);
}

void ModuleReducer::note(std::size_t index, bool nested) {
  Slot& slot = slots_[index];
  if (++slot.firings > 1 || nested) slot.repeats = true;
  if (learning_ && slot.firings == 1) ready_order_.push_back(index);
  if (slot.firings == slot.expected) order_.ready(buckets_->plan().bucket_of[index]);
}

// At the end of a reduced pass: how many gradients a parameter will be given in the next. Where the graph is
// not promised to stay the same, nothing is expected of a parameter that has had none yet, and those that
// come in several nested passes are waited for until the end.
void ModuleReducer::learn() {
  for (Slot& slot : slots_) {
    if (!options_.static_graph)
      slot.expected = slot.repeats ? kNever : slot.firings == 1 ? 1 : slot.expected;
    else if (learning_)
      slot.expected = slot.firings;
  }
  if (!std::exchange(learning_, false)) return;
  std::stable_partition(ready_order_.begin(), ready_order_.end(),
                        [this](std::size_t index) { return !slots_[index].repeats; });
}

// In plan order only: every rank must enqueue the same collectives in the same order. The last bucket waits
// for the end of the pass, with what is to be told of the whole of it.
void ModuleReducer::launch_complete_buckets() {
  if (learning_) return;
  while (order_.next_is_complete() && !order_.is_last(order_.next())) launch(order_.next());
}

void ModuleReducer::launch(std::size_t bucket) {
  for (const BucketPlan::Slot& slot : buckets_->plan().buckets[bucket].slots)
    slots_[slot.parameter].has = buckets_->take_gradient(slot.parameter);
  const torch::NoGradGuard no_grad;
  torch::Tensor gradients = gradient_buckets_[bucket].gradients;
  if (options_.average) gradients.mul_(1.0 / contributors_);
  if (order_.is_last(bucket)) tell_gradients(/*abandoned=*/false);
  send(bucket);
}

void ModuleReducer::send(std::size_t bucket) {
  const torch::NoGradGuard no_grad;
  order_.take();
  if (options_.hook) {
    hook_communicator_.set_bucket(static_cast<int>(bucket));
    completions_.emplace_back([this, bucket = static_cast<int>(bucket),
                               complete = options_.hook(gradient_buckets_[bucket], hook_communicator_)] {
      hook_communicator_.set_bucket(bucket);
      complete();
    });
    return;
  }
  torch::Tensor message = real_view(buckets_->messages()[bucket]);
  torch::Tensor& wire = wire_[bucket];
  if (wire.defined()) wire.copy_(message);
  WorkPtr work = observed(communicator_, communicator_.all_reduce(wire.defined() ? wire : message), this,
                          static_cast<int>(bucket));
  completions_.emplace_back([work = std::move(work), message = std::move(message), wire]() mutable {
    work->wait();
    if (wire.defined()) message.copy_(wire);
  });
}

// Does not wait for a device if every gradient is there.
void ModuleReducer::tell_gradients(bool abandoned) {
  const torch::NoGradGuard no_grad;
  if (has_all())
    told_.fill_(1);
  else
    for (std::size_t i = 0; i < slots_.size(); ++i)
      told_.narrow(0, static_cast<std::int64_t>(i) + 1, 1).fill_(slots_[i].has ? 1 : 0);
  told_.narrow(0, 0, 1).fill_(abandoned ? 1 : 0);
}

bool ModuleReducer::has_all() const {
  return std::all_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.has; });
}

void ModuleReducer::launch_rest() {
  while (!order_.done()) launch(order_.next());
  send_told();
}

void ModuleReducer::send_told() {
  if (options_.hook)
    completions_.emplace_back(
        [work = observed(communicator_, communicator_.all_reduce(told_))] { work->wait(); });
}

void ModuleReducer::wait_for_all() {
  const torch::NoGradGuard no_grad;
  for (const auto& complete : completions_) complete();
}

void ModuleReducer::finish() {
  if (!communicates_) return;
  if (!in_pass_) begin_pass();
  launch_rest();
  const ObservedWait waiting(communicator_);
  wait_for_all();
  const bool abandoned = share_gradients();
  learn();
  reset_pass();
  if (options_.after_reduction) options_.after_reduction();
  if (abandoned)
    throw run_error(
        "another rank abandoned the backward pass that this one finished; skip a step on every rank or on "
        "none");
}

// A gradient that no rank has stays undefined, so that no optimizer touches its parameter. Who has all of
// them need not be told what the others have, which would stop a GPU's host. Returns whether a rank gave up.
bool ModuleReducer::share_gradients() {
  if (has_all() && !told_.is_cpu()) return false;
  const torch::Tensor told = told_.to(torch::kCPU, torch::kFloat32).contiguous();
  const auto* const ranks = told.data_ptr<float>();
  for (std::size_t i = 0; i < slots_.size(); ++i)
    if (!slots_[i].has && ranks[i + 1] > 0)
      torch::Tensor(buckets_->parameters()[i].tensor).mutable_grad() = buckets_->gradient_view(i);
  return ranks[0] != 0;
}

// The other ranks may be in this pass still, and count on this one: what is left is sent as no number, which
// nobody takes for a gradient.
void ModuleReducer::abandon_pass() {
  if (!in_pass_) return;
  try {
    poison_rest();
    const ObservedWait waiting(communicator_);
    wait_for_all();
    if (learning_) ready_order_.clear();
    reset_pass();
    if (options_.after_reduction) options_.after_reduction();
  } catch (const std::exception&) {
    in_pass_ = false;  // the exception that has ended the pass is under way, and says more
  }
  drop_gradients();
}

void ModuleReducer::poison_rest() {
  const torch::NoGradGuard no_grad;
  while (!order_.done()) {
    for (const torch::Tensor& view : gradient_buckets_[order_.next()].views)
      view.fill_(std::numeric_limits<double>::quiet_NaN());
    if (order_.is_last(order_.next())) tell_gradients(/*abandoned=*/true);
    send(order_.next());
  }
  send_told();
}

bool ModuleReducer::rebuild() {
  if (!communicates_ || learning_ || std::exchange(rebuilt_, true)) return false;
  const std::vector<std::size_t> order =
      agree_on_order(ready_order_, slots_.size(), buckets_->gradients().front().device(), &communicator_);
  if (order == reverse_order(order.size())) return false;
  buckets_->relayout(plan_buckets(shapes_of(buckets_->parameters()), order, options_.bucket_sizes));
  adopt_layout();
  return true;
}

void ModuleReducer::zero_gradients() {
  pass_.settle();
  drop_gradients();
}

void ModuleReducer::drop_gradients() {
  for (NamedParameter& p : all_) p.tensor.mutable_grad().reset();
}

}  // namespace lockstep
