// PipelineRunner: one rank's part of a pipelined step: forward and backward passes of its chunks of the model
// in the order of a schedule, with activations and gradients sent as messages.
//
// Life of a micro-batch on a stage: its activations are received (asked for a few actions ahead; over a back
// end whose operations occupy the device in the order of message_lanes.hpp, which says why), the chunk's
// layers run, what comes out is sent on at once while the next action begins; later the gradient of what was
// sent comes back, backward runs, and the gradient of what was received is sent back. Shapes are agreed once:
// the first message of a kind is preceded by a header, from host to host.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "comm/communicator.hpp"
#include "models/model.hpp"
#include "parallel/work_log.hpp"
#include "plan/message_lanes.hpp"
#include "plan/schedule.hpp"

namespace lockstep {

// The ranks of one pipeline, in order of stage, on every communicator. Activations and gradients have their
// own: between the same two ranks they would otherwise have to be received in the order they were sent. By
// lane (message_lanes.hpp), or one that carries all.
struct PipelineLinks {
  std::vector<Communicator*> activations, gradients;
  Communicator* headers;     // takes host tensors
  std::int64_t channel = 0;  // the first number for WorkLog::add_message that is this pipeline's own
};

// A part of the batch. `key`: what all shapes follow from, besides the model; equal on all stages.
struct MicroBatch {
  Flow inputs;
  std::vector<std::int64_t> key;
};

// What the trainer provides for the runner. Not collective, except for what passes compute themselves.
class PipelineHost {
 public:
  virtual ~PipelineHost() = default;
  // The runner is about to compute, or to wait for its input.
  virtual void computing(const Action& action) = 0;
  virtual void waiting() = 0;
  // The chunk's forward pass.
  virtual Flow forward(Model& chunk, Flow inputs) = 0;
  // Of the last chunk's output: this rank's share of the loss, ().
  virtual torch::Tensor loss(const torch::Tensor& output, int micro_batch) = 0;
};

class PipelineRunner {
 public:
  // chunks: of this stage, in order. Everything outlives the runner; log may be null. Not collective.
  PipelineRunner(std::vector<std::shared_ptr<Model>> chunks, StageActions schedule, PipelineLinks links,
                 WorkLog* log);

  // Collective over the pipeline: one step of as many micro-batches as the schedule has; gradients add up.
  // Returns the sum of the losses, without a graph; undefined on stages without the last chunk.
  torch::Tensor train(std::span<const MicroBatch> batch, PipelineHost& host);

  // Collective over the pipeline, without gradients: the model's output where the last chunk is, undefined
  // elsewhere.
  torch::Tensor evaluate(const MicroBatch& batch, PipelineHost& host);

  // After the last step: error if a message was sent but not received, or requested but never sent.
  void require_quiet() const;

 private:
  struct TensorMeta {
    torch::ScalarType dtype;
    std::vector<std::int64_t> sizes;
    bool needs_gradient;
  };
  using Metas = std::vector<TensorMeta>;
  struct Message {
    Flow tensors;
    std::vector<WorkPtr> works;
  };
  struct Pass {  // kept from forward to backward
    Flow inputs, outputs;
    torch::Tensor loss;
  };
  using Key = std::vector<std::int64_t>;

  enum Direction : std::int64_t { kDown = 0, kUp = 1 };  // of activations, of gradients

  int stage() const { return links_.activations.front()->rank(); }
  int stages() const { return links_.activations.front()->size(); }
  int peer(int chunk) const { return chunk % stages(); }
  int last_chunk() const { return chunk_count_ - 1; }
  Model& model(int chunk) { return *chunks_[static_cast<std::size_t>(chunk / stages())]; }
  Key shape_key(int chunk, const MicroBatch& batch) const;

  // Of messages between the stage and the one after it.
  Communicator& link(Direction direction, int stage);

  void post_ahead(std::span<const Action> actions, std::size_t now, std::span<const MicroBatch> batch);
  void post_in_order(std::size_t point, std::span<const MicroBatch> batch, PipelineHost& host);
  bool post_activation(const Action& action, const MicroBatch& batch);
  bool post_gradient(const Action& action);
  Flow take(std::deque<Message>& posted, PipelineHost& host);
  Metas receive_header(int chunk, PipelineHost& host);
  void learn_shapes(const Action& action, const MicroBatch& batch, PipelineHost& host);
  void send_header(int chunk, const Metas& metas);
  Flow input_of(const Action& action, const MicroBatch& batch, PipelineHost& host);
  void send_all(Direction direction, const Flow& tensors, int to);
  void note(WorkPtr work, Direction direction, int from, int to);
  void run_forward(const Action& action, const MicroBatch& batch, PipelineHost& host);
  void run_backward(const Action& action, PipelineHost& host);
  void send_output(const Action& action, const MicroBatch& batch);
  void send_gradient(const Action& action);
  void wait_for_sends(PipelineHost& host);
  Pass& pass(const Action& action);

  std::vector<std::shared_ptr<Model>> chunks_;
  StageActions schedule_;
  PipelineLinks links_;
  WorkLog* log_;
  int chunk_count_, micro_batches_;
  bool occupies_device_;  // what the links do
  std::vector<Receive> receives_;
  std::map<Key, Metas> received_metas_, sent_metas_;     // by shape_key
  std::vector<Pass> passes_;                             // by chunk of this stage, then micro-batch
  std::deque<Message> activations_, gradients_;          // receives that were asked for, in order
  std::size_t next_activation_ = 0, next_gradient_ = 0;  // the next action to ask for
  std::size_t next_receive_ = 0;                         // of receives_
  std::vector<Message> sends_;                           // of this step
};

}  // namespace lockstep
