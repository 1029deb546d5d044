// The collectives of ranks that share memory. An all-reduce of tensors that lie in it (allocate) is done in
// place: each rank combines its slice of all of them and writes the result into all. On one node so is an all-gather of
// parts of such tensors, of which each rank copies the others' parts, and a reduce-scatter, of which it reads its part
// of all. Everything else goes through buffers of the
// ranks, piece by piece. Between nodes, one rank a slice calls MPI.
//
// The ranks tell each other their progress only through counters in the shared memory. No thread, no queue,
// no times: the caller does the work, and decides what to do while it waits.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "comm/mpi_types.hpp"
#include "comm/node_memory.hpp"
#include "comm/node_ranks.hpp"
#include "comm/shared_block.hpp"
#include "comm/slice_reduction.hpp"

namespace lockstep {

struct NodeOperation {
  CollectiveKind kind{};
  at::Tensor output, input;  // on the host; one and the same where it is in place; barrier: none
  ReduceOp op = ReduceOp::sum;
  int root = 0;
};

// Called repeatedly while a rank waits, with the number of the call.
using Pause = std::function<void(int round)>;

class NodeCollectives {
 public:
  struct Outcome {
    std::unique_ptr<NodeCollectives> node;  // null where the ranks cannot share memory
    std::string obstacle;                   // why, one line; the same on every rank of every node
  };
  // Collective: all ranks of all nodes.
  static Outcome create(MPI_Comm parent, int ranks_per_node = 0);
  NodeCollectives(const NodeCollectives&) = delete;
  NodeCollectives& operator=(const NodeCollectives&) = delete;

  const NodeRanks& ranks() const { return ranks_; }

  // What lies in it is reduced in place.
  NodeMemory& memory() { return memory_; }

  // The next operation of all ranks: says that this rank has come to it, and its tensors are as the others may
  // read them. Operations are run in the order in which they are announced; at most kMostAnnounced may wait for
  // that.
  static constexpr std::size_t kMostAnnounced = 256;
  void announce(const NodeOperation& operation, const Pause& pause);
  // Whether all ranks have announced the operation that run() would run.
  bool all_announced() const;
  // Runs the oldest operation that has been announced and not run, and returns when it has ended on this rank.
  // several_threads: on one node what is done in place may use those of at::parallel_for.
  void run(const NodeOperation& operation, const Pause& pause, bool several_threads);
  // The same with several nodes, which must know of each other whether they work in place; all_reduce alone.
  // in_place: whether the tensors of all ranks of all nodes lie in memory().
  void run_across(const NodeOperation& operation, const Pause& pause, bool in_place);

 private:
  struct Post;     // what a rank says of its operation
  struct Control;  // of a rank, at the beginning of its part of the shared memory
  struct Range {   // elements
    std::int64_t begin, end;
  };

  NodeCollectives(NodeRanks ranks, std::shared_ptr<SharedBlock> control);

  Control& control(int rank) const;
  const Post& post(int rank) const;  // of the operation that is run
  Post describe(const NodeOperation& operation) const;
  bool find_parts();
  void require_agreement(const NodeOperation& operation) const;
  template <typename Counter>
  void await_all(Counter counter, std::uint64_t value, const Pause& pause) const;
  void meet(const Pause& pause);
  Range slice(int rank, std::int64_t elements, std::int64_t element_bytes) const;

  SliceReduction reduction_of(const NodeOperation& operation) const;
  bool run_in_place(const NodeOperation& operation, const Pause& pause, bool several_threads);
  void reduce_in_place(const NodeOperation& operation, bool several_threads);
  void reduce_slice(const SliceReduction& reduction, Range slice, bool several_threads);
  void reduce_across(SliceReduction reduction, Range slice);
  void copy_parts(const NodeOperation& operation, bool several_threads);
  void reduce_part(const NodeOperation& operation, bool several_threads);

  void run_through_slots(const NodeOperation& operation, const Pause& pause);
  void next_piece();
  template <typename Body>
  void in_pieces(const at::Tensor& tensor, std::int64_t parts, const Body& body);
  void all_reduce(const NodeOperation& operation, const Pause& pause);
  void reduce_small(const NodeOperation& operation, const Pause& pause);
  void reduce(const NodeOperation& operation, const Pause& pause);
  void reduce_scatter(const NodeOperation& operation, const Pause& pause);
  void all_gather(const NodeOperation& operation, const Pause& pause);
  void broadcast(const NodeOperation& operation, const Pause& pause);

  NodeRanks ranks_;
  std::shared_ptr<SharedBlock> control_;
  NodeMemory memory_;
  MpiReductions reductions_;
  std::uint64_t announced_ = 0, run_ = 0;  // operations so far
  std::uint64_t met_ = 0;                  // meetings of the ranks, in operations through the slots
  std::uint64_t pieces_ = 0;
  std::int64_t cache_bytes_;
  // Of what is being reduced, by rank of the node: where it begins. sources_ are the parts_, read.
  std::vector<std::byte*> parts_;
  std::vector<const std::byte*> sources_;
};

}  // namespace lockstep
