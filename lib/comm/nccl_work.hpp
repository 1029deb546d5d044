// An operation of NCCL that has been enqueued, when it began and ended, and the operations that are under
// way. Private to the NCCL communicator.
#pragma once

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "comm/communicator.hpp"
#include "comm/nccl_handle.hpp"
#include "launch/flight_recorder.hpp"
#include "timing/device_clock.hpp"

namespace lockstep {

struct TimedEvents {
  CudaEvent called{cudaEventBlockingSync}, start{cudaEventBlockingSync}, end{cudaEventBlockingSync};
};

// Events are made before the first step and handed round: making one costs a call into the driver.
class EventPool {
 public:
  explicit EventPool(std::size_t count) : free_(count) {}
  TimedEvents take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return {};
    TimedEvents events = std::move(free_.back());
    free_.pop_back();
    return events;
  }
  void give_back(TimedEvents events) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(events));
  }

 private:
  std::mutex mutex_;
  std::vector<TimedEvents> free_;
};

// What a Work needs, also after its communicator has gone.
struct NcclState {
  explicit NcclState(const c10::Device& d)
      : device(d), stream(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, d.index())) {}
  c10::Device device;
  c10::cuda::CUDAStream stream;
  EventPool pool{256};
  std::mutex mutex;  // of handle, which the communicator resets
  std::unique_ptr<NcclHandle> handle;
  cudaStream_t callers_stream() const { return c10::cuda::getCurrentCUDAStream(device.index()).stream(); }
};

class NcclWork final : public Work {
 public:
  NcclWork(std::shared_ptr<NcclState> state, std::shared_ptr<const ClockAnchor> anchor)
      : state_(std::move(state)), anchor_(std::move(anchor)), events_(state_->pool.take()) {}
  ~NcclWork() override { state_->pool.give_back(std::move(events_)); }

  // Before begin(): the call is being captured. next: makes the Work of a replay.
  void capture(std::function<std::shared_ptr<NcclWork>()> next) {
    next_ = std::move(next);
    joined_.emplace();
  }

  bool ended() const {
    const c10::cuda::CUDAGuard on_device(state_->device);  // of a thread that has not chosen one
    return events_.end.happened();
  }
  // Behind what the caller's stream holds now.
  void begin() {
    const cudaStream_t caller = state_->callers_stream();
    record(events_.called, caller);
    if (joined_) joined_->record(caller);
    (joined_ ? *joined_ : events_.called).order(state_->stream.stream());
    record(events_.start, state_->stream.stream());
  }
  void finish() {
    record(events_.end, state_->stream.stream());
    if (joined_) joined_->record(state_->stream.stream());
  }

  Events captured_events() override { return next_ ? own_events() : Events{}; }
  Replay replay() override {
    if (!next_) return {};
    const std::shared_ptr<NcclWork> next = next_();
    return {next, next->own_events()};
  }

  void wait() override {
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->handle) state_->handle->check();
    }
    const c10::cuda::CUDAGuard on_device(state_->device);
    (joined_ ? *joined_ : events_.end).order(state_->callers_stream());
  }

  WorkTimes times() override {
    const c10::cuda::CUDAGuard on_device(state_->device);
    events_.end.synchronize();
    anchor_->event.synchronize();
    return {anchor_->when(events_.called), anchor_->when(events_.start), anchor_->when(events_.end)};
  }

 private:
  Events own_events() const { return {events_.called.get(), events_.start.get(), events_.end.get()}; }

  void record(CudaEvent& event, cudaStream_t stream) {
    if (next_)
      event.record_in_graph(stream);
    else
      event.record(stream);
  }

  std::shared_ptr<NcclState> state_;
  std::shared_ptr<const ClockAnchor> anchor_;
  TimedEvents events_;  // of a captured call: those that stand in the graph for its replays'
  std::function<std::shared_ptr<NcclWork>()> next_;  // captured calls alone have these two
  std::optional<CudaEvent> joined_;                  // orders within the capture, which events_ do not
};

// The operations that the device has not finished, for the flight recorder: a kernel that waits for another
// rank blocks nobody on the host.
class InFlight final : public FlightRecorder::Source {
 public:
  explicit InFlight(FlightRecorder& recorder) : recorder_(recorder) { recorder_.add(this); }
  ~InFlight() override { recorder_.remove(this); }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  // Called before the library is, because that call may also have to wait for a peer.
  FlightRecorder::Id begin(const CommOperation& operation) {
    return recorder_.begin(operation, FlightRecorder::Runs::on_device);
  }
  void enqueued(const std::shared_ptr<NcclWork>& work, FlightRecorder::Id id) {
    const std::lock_guard lock(mutex_);
    works_.emplace_back(work, id);
  }

  // In order of launch, which is the order of their ends: one stream runs them. Nobody else takes from the
  // front, and the driver is asked without the lock: it may keep its answer for as long as a kernel runs.
  void end_finished() override {
    while (const auto oldest = front()) {
      if (!gone_or_ended(oldest->first)) return;
      recorder_.end(oldest->second);
      const std::lock_guard lock(mutex_);
      works_.pop_front();
    }
  }

 private:
  using Entry = std::pair<std::weak_ptr<NcclWork>, FlightRecorder::Id>;

  std::optional<Entry> front() {
    const std::lock_guard lock(mutex_);
    return works_.empty() ? std::nullopt : std::optional(works_.front());
  }

  // A failure is reported by the call that waits for it.
  static bool gone_or_ended(const std::weak_ptr<NcclWork>& weak) {
    const std::shared_ptr<NcclWork> work = weak.lock();
    try {
      return !work || work->ended();
    } catch (const Error&) {
      return false;
    }
  }

  FlightRecorder& recorder_;
  std::mutex mutex_;
  std::deque<Entry> works_;  // under mutex_
};

}  // namespace lockstep
