// Join: data-parallel training with different numbers of batches per rank. A rank without a batch takes part
// in the others' steps without a gradient, so that every batch counts and no rank waits forever.
//
//   lockstep::Join join(ddp);
//   for (auto batch = batches.begin(); join.next(batch != batches.end());) {
//     optimizer.zero_grad();
//     if (join.has_batch()) loss_of(*net, *batch++).backward();
//     else join.take_part();
//     optimizer.step();
//   }
//
// The mean is taken over the ranks that have a batch.
#pragma once

#include "parallel/distributed_data_parallel.hpp"

namespace lockstep {

class Join {
 public:
  explicit Join(DistributedDataParallel& ddp) : ddp_(ddp) {}
  ~Join() { ddp_.reducer().set_contributors(ddp_.communicator().size()); }
  Join(const Join&) = delete;
  Join& operator=(const Join&) = delete;

  // Collective, before each step: whether any rank has a batch. has_batch: whether this rank has one.
  bool next(bool has_batch);
  bool has_batch() const { return has_batch_; }
  // Collective with the backward passes of the ranks that have a batch, in place of one's own: on return the
  // gradients are the mean over those ranks.
  void take_part() { ddp_.reducer().finish(); }

 private:
  DistributedDataParallel& ddp_;
  bool has_batch_ = true;
};

}  // namespace lockstep
