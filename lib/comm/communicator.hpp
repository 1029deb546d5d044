// Communicator: collectives and messages between the ranks of a group, on tensors.
//
// Stream semantics, the same for every back end:
//  * One thread at a time calls a communicator, and every rank makes the same calls in the same order: that is
//    the order of execution, and of the sequence numbers.
//  * A call is asynchronous: it returns a Work at once. The tensor must stay alive and untouched until the Work
//    has been waited for.
//  * Host tensors (mpi, shm, self): the operation starts when the one before it has ended; Work::wait blocks
//    the host, and over shm carries out the operation, and those before it.
//  * Device tensors over nccl: the operation is ordered after what the caller's current CUDA stream holds at the
//    call, and runs on the communicator's own high-priority stream. Work::wait orders the caller's current
//    stream after it WITHOUT blocking the host.
//  * Device tensors over mpi are staged through pinned host memory. Work::wait blocks the host until the result
//    is enqueued back on the device, and orders the caller's current stream after it.
//  * Destructors never communicate. A failure of the library is thrown from the call or from Work::wait.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/backend_kind.hpp"
#include "timing/clock.hpp"

namespace lockstep {

enum class ReduceOp { sum, max, min, mean };

enum class CollectiveKind {
  all_reduce,
  reduce_scatter,
  all_gather,
  broadcast,
  send,
  recv,
  barrier,
  reduce,
  exchange
};
const char* name_of(CollectiveKind kind);
inline bool is_message(CollectiveKind kind) {
  return kind == CollectiveKind::send || kind == CollectiveKind::recv || kind == CollectiveKind::exchange;
}

// When an operation was enqueued, began and ended, on this rank's steady clock.
struct WorkTimes {
  SteadyTime ready, start, end;
};

class Work {
 public:
  virtual ~Work() = default;
  // Orders the caller after the operation (see above). Throws what the operation failed with. May be called
  // twice.
  virtual void wait() = 0;
  // Valid once the operation has ended; for device work ask at least one step later. Blocks the host until it
  // has ended.
  virtual WorkTimes times() = 0;
  // For a call that was captured into a CUDA graph: the events in the graph that stand for those of its
  // replays, and the Work of the next replay, with the events that the graph will record then. Nothing for
  // any other Work.
  struct Events {
    void *ready = nullptr, *start = nullptr, *end = nullptr;
  };
  struct Replay {
    std::shared_ptr<Work> work;
    Events events;
  };
  virtual Events captured_events() { return {}; }
  virtual Replay replay() { return {}; }
  CollectiveKind kind{};
  // Of the tensor on this rank; reduce_scatter and all_gather: of the larger one; exchange: of one of the
  // two.
  std::int64_t bytes = 0;
  // Collectives: counted per communicator, equal on all ranks. Messages: counted from one rank to one other,
  // equal for the send and its recv; exchanges: between two ranks, equal on both.
  std::int64_t sequence = -1;
};
using WorkPtr = std::shared_ptr<Work>;

class World;
class CommObserver;  // comm/comm_observer.hpp

class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  virtual BackendKind backend() const = 0;  // name_of() says it in a word
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Whether an operation occupies part of the device from when it is enqueued until its peers have arrived,
  // and blocks later operations on this communicator (nccl). A caller that enqueues one early, or one of the
  // opposite direction behind it, can then deadlock with itself. Otherwise messages are independent, and the
  // earlier a receive is posted the better.
  virtual bool occupies_device() const { return false; }
  // Whether all_reduce accepts ReduceOp::mean and divides while it adds. Otherwise the caller divides first.
  virtual bool takes_mean() const { return false; }
  // Collective: all ranks, with the same size and type. A tensor of zeros (elements), in memory where this
  // back end reduces fastest: over shm, memory that the other ranks of the node can access. Any other tensor
  // works as well.
  virtual at::Tensor allocate(std::int64_t elements, const at::TensorOptions& options);
  // Whether there is more than one rank and all have memory of the device in common.
  virtual bool shares_memory(at::Device) const { return false; }
  // Collective, likewise. A tensor of zeros (elements) that all ranks have in common: what one writes, the others read
  // once an operation of all ranks lies between. Undefined where they do not share memory.
  virtual at::Tensor allocate_common(std::int64_t elements, const at::TensorOptions& options);
  // Over memory that ranks share on one node: whether a thread of this rank, which takes a core, carries out
  // operations as soon as all ranks have come to them, in place of whoever waits for them. Elsewhere this changes
  // nothing. Not collective; between operations.
  virtual void use_thread(bool use) { static_cast<void>(use); }
  // Which back end `parallel.backend: auto` would have preferred to this one, and why it could not be used,
  // in one line; empty: none.
  const std::string& remark() const { return remark_; }
  void set_remark(std::string remark) { remark_ = std::move(remark); }

  // Collective: all ranks. Tensors are contiguous, of equal shape and dtype on all ranks
  // (fp32, fp64, bf16, fp16, int32, int64, uint8), else Error. In place. mean: of floating-point numbers, where
  // takes_mean().
  virtual WorkPtr all_reduce(const at::Tensor& tensor, ReduceOp op = ReduceOp::sum) = 0;
  // The sum in root's tensor; the others' are unchanged.
  virtual WorkPtr reduce(const at::Tensor& tensor, int root) = 0;
  // input: size() x output elements; rank r receives the sum of the r-th parts.
  virtual WorkPtr reduce_scatter(const at::Tensor& output, const at::Tensor& input) = 0;
  // output: size() x input elements, in order of rank. input may be this rank's part of output itself.
  virtual WorkPtr all_gather(const at::Tensor& output, const at::Tensor& input) = 0;
  virtual WorkPtr broadcast(const at::Tensor& tensor, int root) = 0;
  virtual WorkPtr barrier() = 0;

  // Not collective: pairs of ranks. Messages between one pair arrive in the order sent.
  virtual WorkPtr send(const at::Tensor& tensor, int to) = 0;
  virtual WorkPtr recv(const at::Tensor& tensor, int from) = 0;
  // A message in each direction between this rank and peer, which calls it too: neither waits for the other's
  // message to arrive first, however large they are. sent, received: the same number of elements and dtype on
  // both ranks, and different memory. Counted separately from send and recv.
  virtual WorkPtr exchange(const at::Tensor& sent, const at::Tensor& received, int peer) = 0;

  // The World whose ranks it connects, all of them; null where make_communicator() made it for a part of them,
  // or did not make it.
  World* world() const { return world_; }
  void set_world(World* world) { world_ = world; }
  // Told what DistributedDataParallel and others send over it; null: nobody.
  CommObserver* observer() const { return observer_; }
  void set_observer(CommObserver* observer) { observer_ = observer; }

 private:
  std::string remark_;
  World* world_ = nullptr;
  CommObserver* observer_ = nullptr;
};

}  // namespace lockstep
