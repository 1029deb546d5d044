// The communication thread of an mpi communicator: a queue of operations, run in launch order. Knows nothing
// of what the tensors mean; the caller has checked them.
#pragma once

#include <mpi.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "comm/communicator.hpp"
#include "comm/mpi_communicator.hpp"
#include "comm/mpi_transfer.hpp"
#include "launch/flight_recorder.hpp"

namespace lockstep {

class DeviceStaging;
class NodeCollectives;

// Shared by the thread and the Works, which may outlive the thread.
struct Waiters {
  std::atomic<int> count{0};         // callers blocked in Work::wait: the core is free for polling
  FlightRecorder* flight = nullptr;  // outlives the communicator; null: none
};

class MpiWork final : public Work {
 public:
  MpiWork(std::shared_ptr<Waiters> waiters, SteadyTime ready);
  ~MpiWork() override;
  void wait() override;
  WorkTimes times() override;

  // By the communication thread, once each: it has taken the operation up; a device tensor's copy is on the
  // host.
  void begin() { times_.start = steady_now(); }
  void reached();
  void finish();
  void fail(std::exception_ptr error);

  std::unique_ptr<DeviceStaging> staging;  // null for host tensors
  at::Tensor kept[2];                      // device tensors, alive until the Work goes
  FlightRecorder::Id flight = 0;           // of this operation

 private:
  enum State : int { kPending, kDone, kFailed };
  bool block_until_ended();  // whether that took any waiting
  void end_flight();

  std::shared_ptr<Waiters> waiters_;
  std::atomic<int> state_{kPending};
  WorkTimes times_;
  SteadyTime went_on_;  // of a caller that had to wait for device tensors
  std::exception_ptr error_;
};

struct MpiOperation {
  MpiOperation() = default;
  explicit MpiOperation(CollectiveKind k) : kind(k) {}
  MpiOperation(CollectiveKind k, at::Tensor o, at::Tensor i, ReduceOp r = ReduceOp::sum, int p = 0)
      : kind(k), output(std::move(o)), input(std::move(i)), op(r), peer(p) {}
  CollectiveKind kind{};
  at::Tensor output, input;  // host tensors; output alone where the operation is in place
  ReduceOp op = ReduceOp::sum;
  int peer = 0;  // root, receiver or sender
  std::shared_ptr<MpiWork> work;
};

class MpiEngine {
 public:
  // flight may be null.
  // node: of several nodes, reduces within each, and calls MPI between them; null: MPI does all of it.
  MpiEngine(MPI_Comm comm, ArrivalWait wait, FlightRecorder* flight, NodeCollectives* node = nullptr);
  // Abandons operations that have not ended: their Works fail. Never communicates.
  ~MpiEngine();
  MpiEngine(const MpiEngine&) = delete;
  MpiEngine& operator=(const MpiEngine&) = delete;

  // Throws what an earlier operation failed with.
  void enqueue(MpiOperation operation);
  void rethrow_failure();
  const std::shared_ptr<Waiters>& waiters() const { return waiters_; }

 private:
  struct Message {  // a send, a recv or both on their way
    MpiOperation operation;
    std::vector<MPI_Request> requests;
  };
  enum class Next { operation, messages, stop };

  void run();
  Next take(MpiOperation& operation);
  void execute(MpiOperation& operation);
  void await_copy(MpiWork& work);
  void run_collective(const MpiOperation& operation);
  void wait_for_arrival();
  bool all_ranks(bool mine);
  void wait_for(MPI_Request request);
  void all_reduce_across_nodes(const MpiOperation& operation);
  void pause(int round) const;
  void start_message(MpiOperation& operation);
  void progress_messages();
  void fail_all(const std::exception_ptr& error);

  MPI_Comm comm_;
  ArrivalWait wait_;
  MpiTransfer transfer_;
  NodeCollectives* node_;
  std::shared_ptr<Waiters> waiters_ = std::make_shared<Waiters>();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<MpiOperation> queue_;  // under mutex_
  std::exception_ptr failure_;      // under mutex_
  std::atomic<bool> stop_{false};
  std::vector<Message> messages_;  // of the thread alone
  std::thread thread_;
};

}  // namespace lockstep
