#include "parallel/pipeline_runner.hpp"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kAhead = 2;            // actions whose input is asked for before their turn
constexpr std::int64_t kHeaderNumbers = 64;  // of a header: enough for eight tensors of six dimensions

torch::Tensor empty_like_meta(torch::ScalarType dtype, const std::vector<std::int64_t>& sizes,
                              torch::Device device) {
  return torch::empty(sizes, torch::TensorOptions().dtype(dtype).device(device));
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
      receives_(receives_in_order(schedule_, stage())),
      passes_(chunks_.size() * static_cast<std::size_t>(micro_batches_)) {}

torch::Tensor PipelineRunner::train(std::span<const MicroBatch> batch, PipelineHost& host) {
  const std::vector<Action>& actions = schedule_[static_cast<std::size_t>(stage())];
  next_activation_ = next_gradient_ = next_receive_ = 0;
  torch::Tensor loss;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const Action& action = actions[i];
    const MicroBatch& micro_batch = batch[static_cast<std::size_t>(action.micro_batch)];
    occupies_device_ ? post_in_order(2 * i, batch, host) : post_ahead(actions, i, batch);
    if (action.kind == Action::Kind::forward) {
      run_forward(action, micro_batch, host);
      const torch::Tensor& part = pass(action).loss;
      if (part.defined()) loss = loss.defined() ? loss + part.detach() : part.detach();
    } else {
      run_backward(action, host);
    }
    if (occupies_device_) post_in_order(2 * i + 1, batch, host);
    action.kind == Action::Kind::forward ? send_output(action, micro_batch) : send_gradient(action);
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

// Receives are posted in the order in which the peers send, a few actions ahead, so that a message finds its
// buffer ready. A receive that cannot be posted yet (its shape is unknown) delays those behind it.
void PipelineRunner::post_ahead(std::span<const Action> actions, std::size_t now,
                                std::span<const MicroBatch> batch) {
  const std::size_t end = std::min(actions.size(), now + kAhead + 1);
  for (; next_activation_ < end; ++next_activation_) {
    const Action& action = actions[next_activation_];
    if (action.kind == Action::Kind::backward || action.chunk == 0) continue;
    if (!post_activation(action, batch[static_cast<std::size_t>(action.micro_batch)])) break;
  }
  for (; next_gradient_ < end; ++next_gradient_) {
    const Action& action = actions[next_gradient_];
    if (action.kind == Action::Kind::forward || action.chunk == last_chunk()) continue;
    if (!post_gradient(action)) break;
  }
}

// If operations occupy the device, all follow one order, and an unknown shape is waited for.
void PipelineRunner::post_in_order(std::size_t point, std::span<const MicroBatch> batch, PipelineHost& host) {
  for (; next_receive_ < receives_.size() && receives_[next_receive_].point <= point; ++next_receive_) {
    const Action& action = schedule_[static_cast<std::size_t>(stage())][receives_[next_receive_].action];
    if (action.kind == Action::Kind::backward) {
      post_gradient(action);
      continue;
    }
    const MicroBatch& micro_batch = batch[static_cast<std::size_t>(action.micro_batch)];
    learn_shapes(action, micro_batch, host);
    post_activation(action, micro_batch);
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
  if (action.chunk == last_chunk()) kept.loss = host.loss(kept.outputs[0], action.micro_batch);
}

void PipelineRunner::send_output(const Action& action, const MicroBatch& batch) {
  if (action.chunk == last_chunk()) return;
  const Pass& kept = pass(action);
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
}

// Releases what the pass has kept.
void PipelineRunner::send_gradient(const Action& action) {
  Pass& kept = pass(action);
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
