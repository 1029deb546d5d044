// GradientReducer: reduces gradients in flat buckets during the backward pass.
//
// Life of a gradient: autograd accumulates it into its view in a bucket; a hook on the parameter's
// accumulator notes that it is ready; when all of a bucket are, and all buckets before it are launched, the
// bucket's all-reduce is launched at once from the hook; finish() launches what is left, waits, and leaves
// the reduced gradient in .grad. The order in which gradients become ready is learnt in the first backward
// pass; rebuild() then lays the buckets out in that order (rank 0's, broadcast), so that a bucket is complete
// as early as it can be.
//
// A table marked as by_rows has a bucket of its own, which is reduced in finish(), by rows where that is less data.
//
// With scatter no rank keeps a bucket's whole gradient, and finish() leaves .grad undefined: shards() has this rank's
// part (gradient_shards.hpp).
//
// On a GPU each addition to a view is a launch, and reads zeros that were written before. With gather_below
// autograd keeps such gradients for itself until their bucket is complete, and one launch copies them all.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "comm/communicator.hpp"
#include "parallel/bucket_launch.hpp"
#include "parallel/flat_buckets.hpp"
#include "parallel/gradient_shards.hpp"
#include "parallel/row_gradient.hpp"
#include "parallel/work_log.hpp"

namespace lockstep {

struct ReducerOptions {
  BucketSizes bucket_sizes = {};
  bool overlap = true;                               // launch from hooks; false: all after backward
  torch::ScalarType reduce_dtype = torch::kFloat32;  // or kBFloat16, kHalf: on the wire and in the sum
  bool average = true;                               // divide by the number of ranks; false: sum
  bool communicate = true;  // false: every rank keeps its own gradients, to measure what communication costs
  std::int64_t gather_below = 0;  // elements: smaller gradients are copied bucket by bucket; 0: none
  bool share_out_values = false;  // to the ranks: FlatMemory::sharers
  bool scatter = false;  // each rank gets its part of the gradients alone; no parameter is by_rows then
};

class GradientReducer {
 public:
  // Collective: all ranks, with the same parameters in the same order. Rank 0's values are broadcast.
  // log (optional) receives the Works of each step; it and communicator outlive the reducer.
  GradientReducer(std::vector<NamedParameter> parameters, Communicator& communicator, ReducerOptions options,
                  WorkLog* log = nullptr);
  ~GradientReducer();  // removes its hooks; never communicates
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  // Whether the next backward pass reduces (true) or only accumulates. Not collective.
  void set_synchronising(bool synchronising) { synchronising_ = synchronising; }
  bool synchronising() const { return synchronising_; }

  // Collective: after the last backward pass of a step. On return .grad is the reduced gradient (CUDA over
  // NCCL: in stream order). Gradients that backward did not touch are reduced as they are.
  void finish();

  // In place of finish(): forgets a backward pass that was not computed (a failed capture).
  void abandon() { reset_step(); }
  // Whether finish() has other ranks to wait for.
  bool communicates() const { return communicates_; }

  // Collective, once after the first reduced step, outside the timed part: new bucket layout by ready order.
  // Returns whether the layout changed; the caller then lays its optimizer state out likewise.
  bool rebuild();

  // Collective, between steps: from now on buckets of these sizes, launched from hooks (overlap) or after the
  // backward pass. Returns whether the layout changed, as rebuild() does.
  bool reduce_as(bool overlap, const BucketSizes& sizes);
  const BucketSizes& bucket_sizes() const { return options_.bucket_sizes; }

  // The learnt order in which the buckets are laid out; empty until it is known.
  const std::vector<std::size_t>& learnt_order() const { return learnt_order_; }
  // Before the first step: the order that an earlier run has learnt, which rebuild() uses at once. Ignored if
  // it is not a permutation of the parameters.
  void expect_order(const std::vector<std::size_t>& order);

  // Where the gradients are scattered; null: they are not.
  const GradientShards* shards() const { return shards_.get(); }
  // Told when the backward pass begins to wait for a buffer (true), and when it goes on, on the thread that computes
  // it; in finish() nobody is told.
  void set_wait_observer(std::function<void(bool)> observer) { observer_ = std::move(observer); }

  FlatBuckets& buckets() { return *buckets_; }
  const FlatBuckets& buckets() const { return *buckets_; }
  // Before the first backward pass of a step. Gradients that are gathered are undefined from here to
  // finish().
  void zero_gradients();

 private:
  struct Hook;
  // by_autograd: autograd has added to the gradient itself.
  void on_gradient_ready(std::size_t parameter, bool by_autograd);
  void launch(std::size_t bucket);
  // The table of this bucket; null where it has other parameters.
  RowGradient* rows_of(std::size_t bucket) const {
    return tables_[buckets_->plan().buckets[bucket].slots.front().parameter].get();
  }
  void scatter(std::size_t bucket);
  // part: of the bucket's gradients, from the first.
  WorkPtr reduce(std::size_t bucket, torch::Tensor part);
  void reduce_tables();
  WorkPtr reduce_table(std::size_t bucket);
  bool gathers(std::size_t parameter) const {
    return buckets_->parameters()[parameter].tensor.numel() < options_.gather_below;
  }
  void adopt(std::size_t parameter);
  void gather(std::size_t bucket);
  void reset_step();
  void lay_out(const std::vector<std::size_t>& order);
  void prepare_wire_buffers();

  Communicator& communicator_;
  ReducerOptions options_;
  WorkLog* log_;
  std::unique_ptr<FlatBuckets> buckets_;
  std::unique_ptr<GradientShards> shards_;  // null: gradients are not scattered
  std::function<void(bool)> observer_;
  std::vector<std::unique_ptr<RowGradient>> tables_;  // by parameter; null: no table
  std::vector<std::shared_ptr<Hook>> hooks_;
  bool communicates_;
  bool synchronising_ = true;
  bool learning_order_ = true;
  std::vector<std::size_t> ready_order_, learnt_order_;
  BucketLaunch order_;
  std::vector<bool> ready_;          // by parameter, this backward pass
  std::vector<WorkPtr> works_;       // by bucket
  std::vector<torch::Tensor> wire_;  // by bucket, only when the wire's dtype differs
};

// Collective: all ranks. Rank 0's order of `parameters` gradients, from the order in which it has seen them
// become ready; those that it has not seen come last, last parameter first. device: of the communicator's
// tensors. communicator: null where there is nobody to agree with.
std::vector<std::size_t> agree_on_order(std::vector<std::size_t> seen, std::size_t parameters,
                                        const torch::Device& device, Communicator* communicator);

}  // namespace lockstep
