#include "comm/nccl_handle.hpp"

#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <thread>

#include "base/error.hpp"

namespace lockstep {

namespace {

// The library's thread takes some 20 us for an operation, and seconds to make a connection.
constexpr int kLooksBeforeNap = 2000;
constexpr auto kNap = std::chrono::microseconds(100);
// For the lock of a communicator whose user a blocking library does not let go.
constexpr auto kPatience = std::chrono::milliseconds(300);

ncclResult_t start(ncclComm_t* comm, int size, int rank, const ncclUniqueId& id) {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  return ncclCommInitRankConfig(comm, size, id, rank, &config);
}

}  // namespace

void check_nccl(ncclResult_t code, std::string_view call, ncclComm_t comm) {
  if (code == ncclSuccess) return;
  const char* const detail = ncclGetLastError(comm);
  throw run_error("{} failed: {}{}{}", call.substr(0, call.find('(')), ncclGetErrorString(code),
                  detail != nullptr && *detail != '\0' ? ": " : "", detail != nullptr ? detail : "");
}

NcclHandle::NcclHandle(int size, int rank, const ncclUniqueId& id, FlightRecorder& flight) : flight_(flight) {
  const FlightRecorder::Call call(&flight, {.name = "ncclCommInitRank"});
  ncclResult_t code = ncclSuccess;
  {
    const Use use = take();
    code = start(&comm_, size, rank, id);
  }
  flight_.add(this);
  try {
    settle(code, "ncclCommInitRank");
  } catch (...) {
    flight_.remove(this);
    abort();
    throw;
  }
}

NcclHandle::~NcclHandle() {
  flight_.remove(this);  // from here on nobody else aborts it
  if (aborted_) return;
  if (failed_ || std::uncaught_exceptions() > 0 || !finalise()) {
    const FlightRecorder::Call call(&flight_, {.name = "ncclCommAbort"});
    ncclCommAbort(comm_);
  } else {
    ncclCommDestroy(comm_);  // of what finalise has ended: waits for nobody
  }
}

bool NcclHandle::finalise() {
  const FlightRecorder::Call call(&flight_, {.name = "ncclCommFinalize"});
  try {
    enqueue("ncclCommFinalize", [](ncclComm_t comm) { return ncclCommFinalize(comm); });
    return true;
  } catch (const Error&) {
    return false;
  }
}

void NcclHandle::check() {
  ncclResult_t state = ncclSuccess;
  const Use use = take();
  require(ncclCommGetAsyncError(comm_, &state), "ncclCommGetAsyncError");
  if (state != ncclInProgress) require(state, "NCCL");
}

void NcclHandle::abort() {
  const Use use(mutex_, kPatience);
  if (!use.owns_lock() || comm_ == nullptr || aborted_) return;
  aborted_ = true;
  ncclCommAbort(comm_);
}

NcclHandle::Use NcclHandle::take() {
  Use use(mutex_);
  if (!aborted_) return use;
  use.unlock();
  for (;;) pause();
}

void NcclHandle::settle(ncclResult_t code, std::string_view name) {
  for (int round = 0; code == ncclInProgress; ++round) {
    if (round < kLooksBeforeNap)
      sched_yield();
    else
      std::this_thread::sleep_for(kNap);
    const Use use = take();
    require(ncclCommGetAsyncError(comm_, &code), "ncclCommGetAsyncError");
  }
  require(code, name);
}

void NcclHandle::require(ncclResult_t code, std::string_view name) {
  failed_ = failed_ || code != ncclSuccess;
  check_nccl(code, name, comm_);
}

}  // namespace lockstep
