// Strategy: how a step's gradient comes about. The step itself is written once (training_step.cpp); the modes
// differ by the strategy they give it.
#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "models/model.hpp"
#include "parallel/gradient_reducer.hpp"
#include "parallel/parameter_shards.hpp"
#include "plan/reduction_choice.hpp"
#include "tasks/task.hpp"
#include "timing/recorder.hpp"
#include "train/flat_optimizer.hpp"

namespace lockstep {

// A pass among those of its step.
struct PassPlace {
  bool first, last;
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  // Which share of each batch this rank works on, of how many.
  virtual int replica() const = 0;
  virtual int replicas() const = 0;
  // Whether this rank fetches its share of the training batches itself. Where not it is sent its part, and
  // pass() gets an empty batch.
  virtual bool loads() const { return true; }
  // Whether this rank's optimizer steps.
  virtual bool updates() const { return true; }
  // Whether it sends messages to single ranks, whose times both ends tell.
  virtual bool sends_messages() const { return false; }
  // Whether finish_gradients() has anybody to wait for.
  virtual bool communicates() const { return true; }
  // Whether this rank has the model's output: what is counted (samples, loss, metrics) is counted there.
  virtual bool counts() const { return true; }
  // Ranks with the same number hold the same parameters.
  virtual int stage() const { return 0; }
  // An upper bound of the phases that a pass marks.
  virtual std::size_t phases_per_pass() const { return 2; }
  // What FlatOptimizer::gradient_norm() is to compute of the norm.
  virtual NormShare norm_share() const { return {}; }
  // Collective over the ranks that share a model or the norm: the 2-norm of the whole gradient, (1), from what this rank
  // has computed. Marks what it waits, and leaves the recorder in Phase::optimizer, where it is called. Where nothing is
  // clipped the number may come later, with finish_update().
  virtual torch::Tensor whole_norm(const torch::Tensor& norm, StepRecorder& recorder) {
    static_cast<void>(recorder);
    return norm;
  }
  // Forward and backward pass of one batch; marks its phases. The first of a step's passes sets the
  // gradients, the others add to them. Returns this rank's share of the step's loss, (), without a graph.
  virtual torch::Tensor pass(const StepBatch& batch, const Task& task, StepRecorder& recorder,
                             PassPlace place) = 0;
  // For evaluation: what the model returns for these inputs.
  virtual torch::Tensor forward(const Flow& inputs) = 0;
  // Collective. On return every rank that updates holds the step's whole gradient.
  virtual void finish_gradients() = 0;
  // Collective, after this rank's optimizer has stepped: on return every rank has all parameters. Marks what it
  // waits.
  virtual void finish_update(StepRecorder& recorder) { static_cast<void>(recorder); }
  // Instead of finish_gradients(): forgets the passes of a step that has not been computed (a failed
  // capture).
  virtual void abandon_step() {}
  // Collective, between steps. Whether parameters and gradients lie elsewhere now.
  virtual bool rebuild_buckets() = 0;
  // Collective, between steps, of those that can: another way of reducing gradients. Returns as rebuild_buckets().
  virtual bool reduce_as(const Reduction& reduction) { return static_cast<void>(reduction), false; }
  // As GradientReducer has them: of those that reduce while backward goes on.
  virtual std::vector<std::size_t> learnt_order() const { return {}; }
  virtual void expect_order(const std::vector<std::size_t>& order) { static_cast<void>(order); }
  // Collective, between steps: what the ranks do not keep equal by themselves becomes rank 0's.
  virtual void synchronise() = 0;
  // After the last step: error when a message that was asked for has not come, or one has not gone.
  virtual void require_quiet() const {}
  virtual FlatBuckets& buckets() = 0;
  // What gradients take on this rank, in bytes.
  virtual std::int64_t gradient_bytes();
  // The part of the buckets that this rank's optimizer steps on; null: everything.
  virtual const ParameterShards* shards() const { return nullptr; }
  // Before the passes of a step, captured ones included: what the model's layers decide on the host.
  virtual void prepare_step() {}
  // To be set before each training forward pass.
  virtual DropoutContext& dropout_context() = 0;
};

// What the configuration says of reducing gradients, and whose.
AskedReduction asked_reduction(const RunConfig& config);
ReducerOptions reducer_options(const RunConfig& config);
std::vector<NamedParameter> reduced_parameters(const Model& model, const RunConfig& config);

// The whole model on every rank. One rank without MPI is sequential training: the same code over the `self`
// communicator, which sends nothing. Collective. communicator, log and model outlive it.
std::unique_ptr<Strategy> make_replicated_strategy(std::shared_ptr<Model> model, Communicator& communicator,
                                                   const RunConfig& config, WorkLog* log);

// What torch.nn.DataParallel does each step (PyTorch, torch/nn/parallel/data_parallel.py), over ranks in
// place of the threads of one process. Collective. communicator, log and model outlive it.
std::unique_ptr<Strategy> make_parameter_server_strategy(std::shared_ptr<Model> model,
                                                         Communicator& communicator, const RunConfig& config,
                                                         WorkLog* log);

struct Pipeline;

// The model split over the stages of a pipeline, and replicas of it. local: the layers of this rank;
// replicas: the ranks of the same stage. Collective over all ranks. Everything outlives it.
std::unique_ptr<Strategy> make_pipeline_strategy(Pipeline& pipeline, std::shared_ptr<Model> local,
                                                 Communicator& replicas, const RunConfig& config,
                                                 WorkLog* log);

}  // namespace lockstep
