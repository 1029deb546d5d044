// Strategy: how a step's gradient comes about. The step itself is written once (training_step.cpp); the modes
// differ by the strategy they give it.
#pragma once

#include <torch/types.h>

#include <memory>
#include <string>

#include "config/run_config.hpp"
#include "models/model.hpp"
#include "parallel/gradient_reducer.hpp"

namespace lockstep {

class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual std::string mode() const = 0;  // "seq", "ddp"
  // inputs as Model::forward takes them; logits (B, classes).
  virtual torch::Tensor forward(const torch::Tensor& inputs) = 0;
  // last: of the step's micro batches; gradients are complete on this rank after it.
  virtual void backward(const torch::Tensor& loss, bool last) = 0;
  // Collective. On return every rank holds the step's whole gradient.
  virtual void finish_gradients() = 0;
  // Collective, between steps. Whether parameters and gradients lie elsewhere now.
  virtual bool rebuild_buckets() = 0;
  // Collective, between steps: buffers as on rank 0.
  virtual void synchronise_buffers() = 0;
  virtual FlatBuckets& buckets() = 0;
  // To be set before each training forward pass.
  virtual DropoutContext& dropout_context() = 0;
};

// The whole model on every rank. One rank without MPI is sequential training: the same code over the `self`
// communicator, which sends nothing. Collective. communicator, log and model outlive it.
std::unique_ptr<Strategy> make_replicated_strategy(const std::string& mode, std::shared_ptr<Model> model,
                                                   Communicator& communicator, const RunConfig& config,
                                                   WorkLog* log);

}  // namespace lockstep
