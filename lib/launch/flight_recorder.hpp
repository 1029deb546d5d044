// FlightRecorder: the last operations of this rank and what it is doing, so that a hanging run can say where.
// Written by the threads that communicate, read by the watchdog.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "timing/activity.hpp"
#include "timing/clock.hpp"

namespace lockstep {

// A collective, a message or a control-plane call, as a person would look for it in the code.
struct CommOperation {
  const char* name = "";         // a literal: "all_reduce"
  std::int64_t sequence = -1;    // as Work::sequence
  int peer = -1;                 // rank of the run: root, receiver or sender; -1: none
  const char* preposition = "";  // how the peer is meant: "from", "to"
  std::int64_t bytes = 0;
};
// "recv number 3 from rank 1"
std::string describe(const CommOperation& operation);

class FlightRecorder {
 public:
  FlightRecorder() = default;
  ~FlightRecorder();
  FlightRecorder(const FlightRecorder&) = delete;
  FlightRecorder& operator=(const FlightRecorder&) = delete;

  static constexpr std::size_t kKept = 16;
  using Id = std::uint64_t;

  enum class Runs { on_host, on_device };
  // on_device: nobody need be blocked in it; while it is open this rank counts as waiting.
  Id begin(const CommOperation& operation, Runs where = Runs::on_host);
  void end(Id id);

  // Who ends operations only when asked, since a device does not tell.
  class Source {
   public:
    virtual ~Source() = default;
    virtual void end_finished() = 0;  // on a thread of the recorder's own
  };
  void add(Source* source) { sources_.add(source); }
  void remove(Source* source) { sources_.remove(source); }
  // Returns at once: what they end is seen a little later. A driver may answer no question while another
  // thread is in it, and whoever looks for a hanging rank must not hang itself.
  void ask_sources();

  // Who can end what waits for another rank, on a device too.
  class Abortable {
   public:
    virtual ~Abortable() = default;
    virtual void abort() = 0;  // on any thread; nothing is asked of it afterwards
  };
  void add(Abortable* abortable) { abortables_.add(abortable); }
  void remove(Abortable* abortable) { abortables_.remove(abortable); }
  // Before the process ends; waits so long at most.
  void abort_all(std::chrono::milliseconds patience);

  // While one lives, the caller waits for another rank or a device.
  class Wait {
   public:
    explicit Wait(FlightRecorder* recorder) : recorder_(recorder) {
      if (recorder_) recorder_->waiters_.fetch_add(1, std::memory_order_relaxed);
    }
    ~Wait() {
      if (recorder_) recorder_->waiters_.fetch_sub(1, std::memory_order_relaxed);
    }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

   private:
    FlightRecorder* recorder_;
  };
  // A blocking call: an operation that its caller waits for. recorder may be null.
  class Call {
   public:
    Call(FlightRecorder* recorder, const CommOperation& operation)
        : recorder_(recorder), wait_(recorder), id_(recorder ? recorder->begin(operation) : 0) {}
    ~Call() {
      if (recorder_) recorder_->end(id_);
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    FlightRecorder* recorder_;
    Wait wait_;
    Id id_;
  };

  Activity activity;
  int rank = 0;  // of this process in the run; set by its World

  bool waits() const { return waiters_.load(std::memory_order_relaxed) > 0; }
  // Whether an operation is expected to end.
  bool expects_progress() const { return waits() || activity.busy(); }
  // "waits in all_reduce number 35, training step 12, backward"
  std::string now() const;
  // The last kKept operations, oldest first, a line each.
  std::vector<std::string> last() const;

 private:
  struct Entry {
    CommOperation operation;
    Id id = 0;  // 0: none
    SteadyTime begun{}, ended{};
    bool open = false, on_device = false;
  };
  mutable std::mutex mutex_;
  std::array<Entry, kKept> entries_;  // under mutex_
  Id next_ = 1;                       // under mutex_

  // Whom others make known here, for as long as they live.
  template <typename Member>
  class Registry {
   public:
    void add(Member* member) {
      const std::lock_guard lock(mutex_);
      members_.push_back(member);
    }
    void remove(Member* member) {
      const std::lock_guard lock(mutex_);
      std::erase(members_, member);
    }
    bool empty() const {
      const std::lock_guard lock(mutex_);
      return members_.empty();
    }
    template <typename Visit>
    void for_each(Visit visit) const {
      const std::lock_guard lock(mutex_);
      for (Member* const member : members_) visit(*member);
    }

   private:
    mutable std::mutex mutex_;
    std::vector<Member*> members_;  // under mutex_
  };
  void ask();

  Registry<Source> sources_;
  Registry<Abortable> abortables_;
  std::mutex asker_mutex_;
  std::condition_variable wake_asker_;
  bool asked_ = false, stop_ = false;  // under asker_mutex_
  std::thread asker_;                  // started when first asked
  std::atomic<int> waiters_{0};
};

}  // namespace lockstep
