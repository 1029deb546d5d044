// NcclHandle: one communicator of the NCCL library, non-blocking. Only in builds with CUDA.
//
// A blocking communicator keeps its caller inside the library until the peers have come: in the start-up, and
// in the first operation of each kind, which makes the connections. Nothing can be told of it then, and
// nobody can end it. A non-blocking one leaves the work to a thread of the library; the caller looks now and
// then whether it is done, the watchdog sees what it waits for, and any thread can abort it. What that costs
// an operation, a thread of the library's, the environment variable NCCL_COMM_BLOCKING=1 saves: NCCL then
// overrides what is asked for here, everything below works as well, and only an abort may come too late.
#pragma once

#include <nccl.h>

#include <mutex>
#include <string_view>

#include "launch/flight_recorder.hpp"

namespace lockstep {

// Error unless code is ncclSuccess. call: what was called, up to its first bracket.
void check_nccl(ncclResult_t code, std::string_view call, ncclComm_t comm = nullptr);

#define LOCKSTEP_NCCL(call) ::lockstep::check_nccl((call), #call)

class NcclHandle final : public FlightRecorder::Abortable {
 public:
  // Collective over size ranks that have the same id; for the calling thread's current device. flight
  // outlives it, and is told what its maker waits for.
  NcclHandle(int size, int rank, const ncclUniqueId& id, FlightRecorder& flight);
  // Finalises it, which waits for everything enqueued. Aborts it after a failure, while an exception is in
  // flight, or if finalising fails: the other ranks may not arrive then.
  ~NcclHandle() override;
  NcclHandle(const NcclHandle&) = delete;
  NcclHandle& operator=(const NcclHandle&) = delete;

  // Does call(ncclComm_t), one call of the library or one group of them, and returns when the library has
  // enqueued it. name: for messages. Throws what has gone wrong, here or on another rank.
  template <typename Call>
  void enqueue(std::string_view name, const Call& call) {
    ncclResult_t code = ncclSuccess;
    {
      const Use use = take();
      code = call(comm_);
    }
    settle(code, name);
  }
  // Throws what has gone wrong since the last look, here or on another rank. Does not block.
  void check();
  // From another thread, when the process is about to end: whatever waits for a peer, here or on the device,
  // ends. The thread that uses the communicator is kept from doing so again: its next call does not return.
  void abort() override;

 private:
  using Use = std::unique_lock<std::timed_mutex>;
  Use take();
  void settle(ncclResult_t code, std::string_view name);
  void require(ncclResult_t code, std::string_view name);
  bool finalise();

  FlightRecorder& flight_;
  std::timed_mutex mutex_;     // of comm_: the library's calls are short, see above
  ncclComm_t comm_ = nullptr;  // under mutex_
  bool aborted_ = false;       // under mutex_
  bool failed_ = false;
};

}  // namespace lockstep
