#include "comm/mpi_engine.hpp"

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "comm/device_staging.hpp"
#include "comm/node_collectives.hpp"
#include "comm/staged_times.hpp"
#include "launch/mpi_check.hpp"

namespace lockstep {
namespace {

// Between two looks at an event that is long in coming, while the caller computes. The kernel's timer slack,
// 50 us by default, is set to 1 us for the communication thread.
constexpr auto kNap = std::chrono::microseconds(50);
// Looks before the first nap: ranks in step arrive within microseconds of each other.
constexpr int kLooksBeforeNap = 20;

struct Abandoned {};

}  // namespace

MpiWork::MpiWork(std::shared_ptr<Waiters> waiters, SteadyTime ready)
    : waiters_(std::move(waiters)), times_{ready, ready, ready} {}
MpiWork::~MpiWork() = default;

bool MpiWork::block_until_ended() {
  if (state_.load(std::memory_order_acquire) != kPending) return false;
  const FlightRecorder::Wait wait(waiters_->flight);
  waiters_->count.fetch_add(1, std::memory_order_relaxed);
  state_.wait(kPending, std::memory_order_acquire);
  waiters_->count.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void MpiWork::wait() {
  const bool waited = block_until_ended();
  if (state_.load(std::memory_order_acquire) == kFailed) std::rethrow_exception(error_);
  if (!staging) return;
  staging->order_caller();
  if (waited) went_on_ = steady_now();
}

WorkTimes MpiWork::times() {
  block_until_ended();
  if (!staging || state_.load(std::memory_order_acquire) == kFailed) return times_;
  return staged_times({.called = times_.ready,
                       .taken = times_.start,
                       .ended = times_.end,
                       .stored = staging->stored(times_.end),
                       .went_on = went_on_});
}

void MpiWork::reached() { times_.ready = std::max(times_.ready, staging->reached()); }

void MpiWork::end_flight() {
  if (waiters_->flight) waiters_->flight->end(flight);
}

void MpiWork::finish() {
  times_.end = steady_now();
  end_flight();
  state_.store(kDone, std::memory_order_release);
  state_.notify_all();
}

void MpiWork::fail(std::exception_ptr error) {
  error_ = std::move(error);
  times_.end = steady_now();
  end_flight();
  state_.store(kFailed, std::memory_order_release);
  state_.notify_all();
}

MpiEngine::MpiEngine(MPI_Comm comm, ArrivalWait wait, FlightRecorder* flight, NodeCollectives* node)
    : comm_(comm), wait_(wait), transfer_(comm), node_(node) {
  waiters_->flight = flight;
  thread_ = std::thread([this] { run(); });
}

MpiEngine::~MpiEngine() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void MpiEngine::rethrow_failure() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void MpiEngine::enqueue(MpiOperation operation) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    queue_.push_back(std::move(operation));
  }
  wake_.notify_one();
}

void MpiEngine::run() {
  prctl(PR_SET_TIMERSLACK, 1000UL);
  MpiOperation operation;
  for (;;) {
    try {
      switch (take(operation)) {
        case Next::operation:
          execute(operation);
          break;
        case Next::messages:
          progress_messages();
          break;
        case Next::stop:
          throw Abandoned{};
      }
    } catch (const Abandoned&) {
      fail_all(std::make_exception_ptr(
          run_error("the communicator was destroyed before the operation had ended")));
      return;
    } catch (...) {
      fail_all(std::current_exception());
    }
    operation = {};
  }
}

MpiEngine::Next MpiEngine::take(MpiOperation& operation) {
  std::unique_lock lock(mutex_);
  const auto due = [this] { return stop_ || !queue_.empty(); };
  if (messages_.empty())
    wake_.wait(lock, due);
  else if (waiters_->count.load(std::memory_order_relaxed) == 0)
    wake_.wait_for(lock, kNap, due);
  else if (queue_.empty())
    sched_yield();
  if (stop_) return Next::stop;
  if (queue_.empty()) return Next::messages;
  operation = std::move(queue_.front());
  queue_.pop_front();
  return Next::operation;
}

void MpiEngine::execute(MpiOperation& operation) {
  try {
    operation.work->begin();
    if (operation.work->staging) await_copy(*operation.work);
    if (is_message(operation.kind)) return start_message(operation);
    run_collective(operation);
    if (operation.work->staging) operation.work->staging->store();
    operation.work->finish();
  } catch (const Abandoned&) {
    operation.work->fail(
        std::make_exception_ptr(run_error("the communicator was destroyed before the operation had ended")));
    throw;
  } catch (const Error& error) {
    const auto named =
        std::make_exception_ptr(Error(error.code(), fmt::format("{} number {}: {}", name_of(operation.kind),
                                                                operation.work->sequence, error.what())));
    operation.work->fail(named);
    std::rethrow_exception(named);
  }
}

// Messages that are under way already go on meanwhile.
void MpiEngine::await_copy(MpiWork& work) {
  const DeviceStaging& staging = *work.staging;
  staging.attend();
  if (!staging.loads()) return;
  for (int round = 0; !messages_.empty() && !staging.loaded(); ++round) {
    if (stop_) throw Abandoned{};
    progress_messages();
    pause(round);
  }
  staging.wait_loaded();
  work.reached();
}

void MpiEngine::run_collective(const MpiOperation& o) {
  if (node_ != nullptr && o.kind == CollectiveKind::all_reduce) return all_reduce_across_nodes(o);
  if (wait_ == ArrivalWait::nap) wait_for_arrival();
  switch (o.kind) {
    case CollectiveKind::all_reduce:
      return transfer_.all_reduce(o.output, o.op);
    case CollectiveKind::reduce:
      return transfer_.reduce(o.output, o.peer);
    case CollectiveKind::reduce_scatter:
      return transfer_.reduce_scatter(o.output, o.input);
    case CollectiveKind::all_gather:
      return transfer_.all_gather(o.output, o.input);
    case CollectiveKind::broadcast:
      return transfer_.broadcast(o.output, o.peer);
    case CollectiveKind::barrier:
      if (wait_ == ArrivalWait::block) LOCKSTEP_MPI(MPI_Barrier(comm_));
      return;
    default:
      throw run_error("{} is not a collective", name_of(o.kind));
  }
}

void MpiEngine::all_reduce_across_nodes(const MpiOperation& o) {
  const bool in_place = all_ranks(node_->memory().has(o.output));
  const Pause wait = [this](int round) {
    if (stop_) throw Abandoned{};
    pause(round);
  };
  const NodeOperation operation{o.kind, o.output, o.output, o.op};
  node_->announce(operation, wait);
  node_->run_across(operation, wait, in_place);
}

// A blocking collective of MPI polls without pause until the last rank has come, and takes half a core from
// the computation of the ranks that came early. So ranks meet here first, in a barrier that is looked at
// between naps; the collective that follows then only transfers. See benchmarks/comm_overlap.cpp for what
// that gains and costs.
void MpiEngine::wait_for_arrival() {
  MPI_Request request = MPI_REQUEST_NULL;
  LOCKSTEP_MPI(MPI_Ibarrier(comm_, &request));
  wait_for(request);
}

// The same meeting, at which the ranks learn whether all of them say so.
bool MpiEngine::all_ranks(bool mine) {
  const int ours = mine ? 1 : 0;
  int all = 0;
  MPI_Request request = MPI_REQUEST_NULL;
  LOCKSTEP_MPI(MPI_Iallreduce(&ours, &all, 1, MPI_INT, MPI_MIN, comm_, &request));
  wait_for(request);
  return all != 0;
}

void MpiEngine::wait_for(MPI_Request request) {
  for (int round = 0;; ++round) {
    int arrived = 0;
    LOCKSTEP_MPI(MPI_Test(&request, &arrived, MPI_STATUS_IGNORE));
    if (arrived != 0) return;
    if (stop_) throw Abandoned{};
    progress_messages();
    pause(round);
  }
}

void MpiEngine::pause(int round) const {
  if (round < kLooksBeforeNap || waiters_->count.load(std::memory_order_relaxed) > 0)
    sched_yield();
  else
    std::this_thread::sleep_for(kNap);
}

void MpiEngine::start_message(MpiOperation& operation) {
  std::vector<MPI_Request> requests;
  if (operation.kind == CollectiveKind::exchange)
    requests = transfer_.exchange(operation.input, operation.output, operation.peer);
  else if (operation.kind == CollectiveKind::send)
    requests = transfer_.send(operation.output, operation.peer);
  else
    requests = transfer_.recv(operation.output, operation.peer);
  messages_.push_back({std::move(operation), std::move(requests)});
}

void MpiEngine::progress_messages() {
  for (std::size_t i = 0; i < messages_.size();) {
    Message& message = messages_[i];
    int ended = 0;
    LOCKSTEP_MPI(MPI_Testall(static_cast<int>(message.requests.size()), message.requests.data(), &ended,
                             MPI_STATUSES_IGNORE));
    if (ended == 0) {
      ++i;
      continue;
    }
    if (message.operation.work->staging) message.operation.work->staging->store();
    message.operation.work->finish();
    messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void MpiEngine::fail_all(const std::exception_ptr& error) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = error;
  for (Message& message : messages_) message.operation.work->fail(failure_);
  for (MpiOperation& operation : queue_) operation.work->fail(failure_);
  messages_.clear();
  queue_.clear();
}

}  // namespace lockstep
