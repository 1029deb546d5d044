#include "comm/node_engine.hpp"

#include <sched.h>
#include <sys/prctl.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <utility>

#include "base/error.hpp"
#include "comm/comm_operation.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace lockstep {
namespace {

// A caller that waits looks so often without leaving its core, which takes microseconds: ranks in step arrive
// within that. Then it offers its core to others, of which one may be the rank that it waits for; and a wait of
// some milliseconds more is for something that takes longer than a nap.
constexpr int kSpins = 500, kYields = 20000;
constexpr auto kNap = std::chrono::microseconds(50);
// How long an operation waits for its caller before the engine's thread runs it; also from one look of the
// thread to the next. A thread that runs them at once naps between two looks.
constexpr auto kPatience = std::chrono::milliseconds(5);
// After so many looks at an empty queue the thread sleeps until somebody launches something.
constexpr int kIdleLooks = 200;

struct Abandoned {};

void relax() {
#ifdef __SSE2__
  _mm_pause();
#endif
}

void pause_caller(int round) {
  if (round < kSpins)
    relax();
  else if (round < kSpins + kYields)
    sched_yield();
  else
    std::this_thread::sleep_for(kNap);
}

std::exception_ptr abandoned() {
  return std::make_exception_ptr(run_error("the communicator was destroyed before the operation had ended"));
}

}  // namespace

class NodeEngine::State {
 public:
  State(std::unique_ptr<NodeCollectives> collectives, FlightRecorder* recorder)
      : node(std::move(collectives)), flight(recorder) {}

  void launch(std::shared_ptr<NodeWork> work, NodeOperation operation);
  void complete(NodeWork& work);
  void rethrow_failure();
  void serve();  // the engine's thread
  void stop();
  void run_at_once(bool at_once) { at_once_ = at_once; }
  void fail_all(const std::exception_ptr& error);

  std::unique_ptr<NodeCollectives> node;
  FlightRecorder* const flight;

 private:
  struct Pending {
    NodeOperation operation;
    std::shared_ptr<NodeWork> work;
  };

  void run_head(const Pause& pause, bool several_threads);
  bool head_is_due();

  std::mutex running_;  // whoever runs an operation; locked before mutex_
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Pending> queue_;   // under mutex_
  std::exception_ptr failure_;  // under mutex_
  bool stop_ = false;           // under mutex_
  bool asleep_ = false;         // under mutex_: the thread waits until it is woken
  std::atomic<bool> stopping_{false}, at_once_{false};
  std::atomic<int> callers_{0};  // who wait for running_ or an operation
};

class NodeEngine::NodeWork final : public Work {
 public:
  NodeWork(std::shared_ptr<State> state, SteadyTime ready)
      : state_(std::move(state)), times_{ready, ready, ready} {}

  void wait() override {
    if (!ended()) state_->complete(*this);
    if (error_) std::rethrow_exception(error_);
  }
  WorkTimes times() override {
    if (!ended()) state_->complete(*this);
    return times_;
  }

  bool ended() const { return ended_.load(std::memory_order_acquire); }
  SteadyTime ready() const { return times_.ready; }
  void begin() { times_.start = steady_now(); }
  void end(std::exception_ptr error = nullptr) {
    times_.end = steady_now();
    error_ = std::move(error);
    if (state_->flight) state_->flight->end(flight);
    ended_.store(true, std::memory_order_release);
  }

  FlightRecorder::Id flight = 0;

 private:
  std::shared_ptr<State> state_;
  std::atomic<bool> ended_{false};
  WorkTimes times_;
  std::exception_ptr error_;
};

void NodeEngine::State::rethrow_failure() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void NodeEngine::State::launch(std::shared_ptr<NodeWork> work, NodeOperation operation) {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (failure_) std::rethrow_exception(failure_);
      if (queue_.size() < NodeCollectives::kMostAnnounced) break;
    }
    const std::lock_guard run(running_);
    run_head(pause_caller, /*several_threads=*/true);
  }
  node->announce(operation, pause_caller);
  const std::lock_guard lock(mutex_);
  queue_.push_back({std::move(operation), std::move(work)});
  if (std::exchange(asleep_, false)) wake_.notify_one();
}

void NodeEngine::State::complete(NodeWork& work) {
  const FlightRecorder::Wait wait(flight);
  callers_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard run(running_);
    while (!work.ended()) run_head(pause_caller, /*several_threads=*/true);
  }
  callers_.fetch_sub(1, std::memory_order_relaxed);
}

// Under running_. A failure ends all operations: the ranks are no longer in step.
void NodeEngine::State::run_head(const Pause& pause, bool several_threads) {
  Pending head;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) return;
    head = std::move(queue_.front());
    queue_.pop_front();
  }
  try {
    head.work->begin();
    node->run(head.operation, pause, several_threads);
    head.work->end();
  } catch (const Abandoned&) {
    head.work->end(abandoned());
  } catch (const Error& error) {
    const auto named =
        std::make_exception_ptr(Error(error.code(), fmt::format("{} number {}: {}", name_of(head.work->kind),
                                                                head.work->sequence, error.what())));
    head.work->end(named);
    fail_all(named);
  } catch (...) {
    head.work->end(std::current_exception());
    fail_all(std::current_exception());
  }
}

void NodeEngine::State::fail_all(const std::exception_ptr& error) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = error;
  for (Pending& pending : queue_) pending.work->end(failure_);
  queue_.clear();
}

bool NodeEngine::State::head_is_due() {
  const std::lock_guard lock(mutex_);
  return !queue_.empty() && (at_once_ || steady_now() - queue_.front().work->ready() >= kPatience);
}

void NodeEngine::State::serve() {
  prctl(PR_SET_TIMERSLACK, 1000UL);
  // The caller's core is left alone while it computes, and the operation pressed on with while it waits.
  const Pause pause = [this](int round) {
    if (stopping_.load(std::memory_order_relaxed)) throw Abandoned{};
    if (round < 20 || callers_.load(std::memory_order_relaxed) > 0)
      sched_yield();
    else
      std::this_thread::sleep_for(kNap);
  };
  for (int idle = 0;;) {
    {
      std::unique_lock lock(mutex_);
      idle = queue_.empty() ? idle + 1 : 0;
      asleep_ = idle > kIdleLooks;
      const auto woken = [this] { return stop_ || !asleep_; };
      if (asleep_)
        wake_.wait(lock, woken);
      else
        wake_.wait_for(lock, at_once_ ? SteadyTime::duration(kNap) : kPatience, [this] { return stop_; });
      if (stop_) return;
    }
    if (!head_is_due()) continue;
    const std::unique_lock run(running_, std::try_to_lock);
    if (run.owns_lock() && node->all_announced()) run_head(pause, /*several_threads=*/false);
  }
}

void NodeEngine::State::stop() {
  stopping_ = true;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
}

NodeEngine::NodeEngine(std::unique_ptr<NodeCollectives> node, FlightRecorder* flight)
    : state_(std::make_shared<State>(std::move(node), flight)) {
  thread_ = std::thread([state = state_.get()] { state->serve(); });
}

NodeEngine::~NodeEngine() {
  state_->stop();
  thread_.join();
  state_->fail_all(abandoned());
}

WorkPtr NodeEngine::launch(NodeOperation operation, std::int64_t bytes, std::int64_t sequence, int peer) {
  state_->rethrow_failure();
  auto work = std::make_shared<NodeWork>(state_, steady_now());
  work->kind = operation.kind;
  work->bytes = bytes;
  work->sequence = sequence;
  if (state_->flight) work->flight = state_->flight->begin(operation_of(*work, peer));
  state_->launch(work, std::move(operation));
  return work;
}

void NodeEngine::run_at_once(bool at_once) { state_->run_at_once(at_once); }

void NodeEngine::rethrow_failure() { state_->rethrow_failure(); }

NodeMemory& NodeEngine::memory() { return state_->node->memory(); }

}  // namespace lockstep
