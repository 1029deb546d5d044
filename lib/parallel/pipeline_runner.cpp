#include "parallel/pipeline_runner.hpp"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "parallel/message_lanes.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kAhead = 2;            // actions whose input is asked for before their turn
constexpr std::int64_t kHeaderNumbers = 64;  // of a header: enough for eight tensors of six dimensions

torch::Tensor empty_like_meta(torch::ScalarType dtype, const std::vector<std::int64_t>& sizes,
                              torch::Device device) {
  return torch::empty(sizes, torch::TensorOptions().dtype(dtype).device(device));
}

std::vector<std::size_t> turns_ahead(std::size_t actions) {
  std::vector<std::size_t> turns(actions);
  for (std::size_t i = 0; i < actions; ++i) turns[i] = i - std::min(i, kAhead);
  return turns;
}

}  // namespace

PipelineRunner::PipelineRunner(std::vector<std::shared_ptr<Model>> chunks, StageActions schedule,
                               PipelineLinks links, WorkLog* log)
    : chunks_(std::move(chunks)),
      schedule_(std::move(schedule)),
      links_(std::move(links)),
      log_(log),
      chunk_count_(chunk_count(schedule_)),
      micro_batches_(micro_batch_count(schedule_)),
      occupies_device_(links_.activations.front()->occupies_device()),
      turns_(occupies_device_ ? receive_turns(schedule_, stage())
                              : turns_ahead(schedule_[static_cast<std::size_t>(stage())].size())),
      passes_(chunks_.size() * static_cast<std::size_t>(micro_batches_)) {}

torch::Tensor PipelineRunner::train(std::span<const MicroBatch> batch, PipelineHost& host) {
  const std::vector<Action>& actions = schedule_[static_cast<std::size_t>(stage())];
  next_activation_ = next_gradient_ = 0;
  torch::Tensor loss;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const Action& action = actions[i];
    post_receives(actions, i, batch, host);
    if (action.kind == Action::Kind::forward) {
      run_forward(action, batch[static_cast<std::size_t>(action.micro_batch)], host);
      const torch::Tensor& part = pass(action).loss;
      if (part.defined()) loss = loss.defined() ? loss + part.detach() : part.detach();
    } else {
      run_backward(action, host);
    }
  }
  wait_for_sends(host);
  return loss;
}

torch::Tensor PipelineRunner::evaluate(const MicroBatch& batch, PipelineHost& host) {
  const torch::NoGradGuard no_grad;
  torch::Tensor output;
  for (int chunk = stage(); chunk < chunk_count_; chunk += stages()) {
    const Action action{Action::Kind::forward, chunk, 0};
    Flow out = host.forward(model(chunk), input_of(action, batch, host));
    if (chunk == last_chunk()) {
      output = out[0];
      continue;
    }
    const Key key = shape_key(chunk, batch);
    if (!sent_metas_.count(key)) {
      Metas metas;
      for (const torch::Tensor& t : out) metas.push_back({t.scalar_type(), t.sizes().vec(), false});
      send_header(chunk, sent_metas_[key] = metas);
    }
    send_all(kDown, out, peer(chunk + 1));
  }
  wait_for_sends(host);
  return output;
}

void PipelineRunner::require_quiet() const {
  if (!activations_.empty() || !gradients_.empty() || !sends_.empty())
    throw run_error(
        "stage {}: {} activations and {} gradients were asked for and never came, {} sends not ended",
        stage(), activations_.size(), gradients_.size(), sends_.size());
}

PipelineRunner::Pass& PipelineRunner::pass(const Action& action) {
  return passes_[static_cast<std::size_t>((action.chunk / stages()) * micro_batches_ + action.micro_batch)];
}

// Whether gradients are wanted tells training messages from those of evaluation.
PipelineRunner::Key PipelineRunner::shape_key(int chunk, const MicroBatch& batch) const {
  Key key{chunk, at::GradMode::is_enabled()};
  key.insert(key.end(), batch.key.begin(), batch.key.end());
  return key;
}

Communicator& PipelineRunner::link(Direction direction, int stage) {
  const std::vector<Communicator*>& lanes = direction == kDown ? links_.activations : links_.gradients;
  return *lanes[static_cast<std::size_t>(lane_of(stage, stages(), static_cast<int>(lanes.size())))];
}

// Receives are asked for in the order in which the peers send, so that a message finds its place ready. What
// cannot be asked for yet (its shape is not known) keeps those behind it waiting; where operations occupy the
// device their order is fixed, and the shape is waited for instead.
void PipelineRunner::post_receives(std::span<const Action> actions, std::size_t now,
                                   std::span<const MicroBatch> batch, PipelineHost& host) {
  const auto due = [&](std::size_t next) { return next < actions.size() && turns_[next] <= now; };
  for (; due(next_activation_); ++next_activation_) {
    const Action& action = actions[next_activation_];
    if (action.kind == Action::Kind::backward || action.chunk == 0) continue;
    const MicroBatch& micro_batch = batch[static_cast<std::size_t>(action.micro_batch)];
    if (occupies_device_) learn_shapes(action, micro_batch, host);
    if (!post_activation(action, micro_batch)) break;
  }
  for (; due(next_gradient_); ++next_gradient_) {
    const Action& action = actions[next_gradient_];
    if (action.kind == Action::Kind::forward || action.chunk == last_chunk()) continue;
    if (!post_gradient(action)) break;
  }
}

bool PipelineRunner::post_activation(const Action& action, const MicroBatch& batch) {
  const auto known = received_metas_.find(shape_key(action.chunk, batch));
  if (known == received_metas_.end()) return false;
  const torch::Device device = batch.inputs[0].device();
  const int from = peer(action.chunk - 1);
  Message message;
  for (const TensorMeta& meta : known->second) {
    message.tensors.push_back(empty_like_meta(meta.dtype, meta.sizes, device));
    message.works.push_back(link(kDown, from).recv(message.tensors.back(), from));
    note(message.works.back(), kDown, from, stage());
  }
  activations_.push_back(std::move(message));
  return true;
}

bool PipelineRunner::post_gradient(const Action& action) {
  const Flow& outputs = pass(action).outputs;
  if (outputs.empty()) return false;  // its forward pass is still to come
  const int from = peer(action.chunk + 1);
  Message message;
  for (const torch::Tensor& output : outputs) {
    if (!output.requires_grad()) continue;
    message.tensors.push_back(torch::empty(output.sizes(), output.options().requires_grad(false)));
    message.works.push_back(link(kUp, stage()).recv(message.tensors.back(), from));
    note(message.works.back(), kUp, from, stage());
  }
  gradients_.push_back(std::move(message));
  return true;
}

Flow PipelineRunner::take(std::deque<Message>& posted, PipelineHost& host) {
  host.waiting();
  Message message = std::move(posted.front());
  posted.pop_front();
  for (const WorkPtr& work : message.works) work->wait();
  return std::move(message.tensors);
}

PipelineRunner::Metas PipelineRunner::receive_header(int chunk, PipelineHost& host) {
  host.waiting();
  const torch::Tensor header = torch::zeros({kHeaderNumbers}, torch::kInt64);
  links_.headers->recv(header, peer(chunk - 1))->wait();
  const auto* next = header.data_ptr<std::int64_t>();
  Metas metas(static_cast<std::size_t>(*next++));
  for (TensorMeta& meta : metas) {
    meta.dtype = static_cast<torch::ScalarType>(*next++);
    meta.needs_gradient = *next++ != 0;
    meta.sizes.resize(static_cast<std::size_t>(*next++));
    for (std::int64_t& size : meta.sizes) size = *next++;
  }
  return metas;
}

void PipelineRunner::send_header(int chunk, const Metas& metas) {
  std::vector<std::int64_t> numbers{static_cast<std::int64_t>(metas.size())};
  for (const TensorMeta& meta : metas) {
    numbers.push_back(static_cast<std::int64_t>(meta.dtype));
    numbers.push_back(meta.needs_gradient);
    numbers.push_back(static_cast<std::int64_t>(meta.sizes.size()));
    numbers.insert(numbers.end(), meta.sizes.begin(), meta.sizes.end());
  }
  if (numbers.size() > static_cast<std::size_t>(kHeaderNumbers))
    throw run_error("{} tensors flow out of chunk {}: more than a header can describe", metas.size(), chunk);
  numbers.resize(static_cast<std::size_t>(kHeaderNumbers));
  const torch::Tensor header = torch::tensor(numbers, torch::kInt64);
  sends_.push_back({{header}, {links_.headers->send(header, peer(chunk + 1))}});
}

void PipelineRunner::learn_shapes(const Action& action, const MicroBatch& batch, PipelineHost& host) {
  Metas& metas = received_metas_[shape_key(action.chunk, batch)];
  if (metas.empty()) metas = receive_header(action.chunk, host);
}

// What the chunk reads: the batch itself, or what the chunk before has sent.
Flow PipelineRunner::input_of(const Action& action, const MicroBatch& batch, PipelineHost& host) {
  if (action.chunk == 0) return batch.inputs;
  if (activations_.empty()) {
    learn_shapes(action, batch, host);
    post_activation(action, batch);
    // In training the caller goes on asking behind this one.
    if (at::GradMode::is_enabled()) ++next_activation_;
  }
  Flow inputs = take(activations_, host);
  const Metas& metas = received_metas_.at(shape_key(action.chunk, batch));
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (metas[i].needs_gradient) inputs[i].requires_grad_();
  return inputs;
}

void PipelineRunner::send_all(Direction direction, const Flow& tensors, int to) {
  Communicator& lane = link(direction, direction == kDown ? stage() : to);
  Message message;
  for (const torch::Tensor& tensor : tensors) {
    message.tensors.push_back(tensor.detach().contiguous());
    message.works.push_back(lane.send(message.tensors.back(), to));
    note(message.works.back(), direction, stage(), to);
  }
  sends_.push_back(std::move(message));
}

void PipelineRunner::note(WorkPtr work, Direction direction, int from, int to) {
  if (!log_) return;
  const std::int64_t pair = std::int64_t{from} * stages() + to;
  log_->add_message(std::move(work), links_.channel + 2 * pair + direction);
}

void PipelineRunner::run_forward(const Action& action, const MicroBatch& batch, PipelineHost& host) {
  Pass& kept = pass(action);
  kept.inputs = input_of(action, batch, host);
  host.computing(action);
  kept.outputs = host.forward(model(action.chunk), kept.inputs);
  if (action.chunk == last_chunk()) {
    kept.loss = host.loss(kept.outputs[0], action.micro_batch);
    return;
  }
  const Key key = shape_key(action.chunk, batch);
  if (!sent_metas_.count(key)) {
    Metas metas;
    for (const torch::Tensor& t : kept.outputs)
      metas.push_back({t.scalar_type(), t.sizes().vec(), t.requires_grad()});
    send_header(action.chunk, sent_metas_[key] = metas);
  }
  send_all(kDown, kept.outputs, peer(action.chunk + 1));
}

void PipelineRunner::run_backward(const Action& action, PipelineHost& host) {
  Pass& kept = pass(action);
  if (action.chunk == last_chunk()) {
    host.computing(action);
    kept.loss.backward();
  } else {
    const Flow gradients = take(gradients_, host);
    host.computing(action);
    Flow outputs;
    for (const torch::Tensor& output : kept.outputs)
      if (output.requires_grad()) outputs.push_back(output);
    torch::autograd::backward(outputs, gradients);
  }
  if (action.chunk > 0) {
    Flow gradients;
    for (const torch::Tensor& input : kept.inputs) {
      if (!input.requires_grad()) continue;
      gradients.push_back(input.grad().defined() ? input.grad() : torch::zeros_like(input));
    }
    send_all(kUp, gradients, peer(action.chunk - 1));
  }
  kept = {};
}

void PipelineRunner::wait_for_sends(PipelineHost& host) {
  if (sends_.empty()) return;
  host.waiting();
  for (const Message& message : sends_)
    for (const WorkPtr& work : message.works) work->wait();
  sends_.clear();
}

}  // namespace lockstep
