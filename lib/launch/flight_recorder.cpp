#include "launch/flight_recorder.hpp"

#include <fmt/format.h>

#include <future>
#include <memory>
#include <utility>

namespace lockstep {

std::string describe(const CommOperation& o) {
  std::string text = o.name;
  if (o.sequence >= 0) text += fmt::format(" number {}", o.sequence);
  if (o.peer >= 0) text += fmt::format(" {} rank {}", o.preposition, o.peer);
  return text;
}

FlightRecorder::Id FlightRecorder::begin(const CommOperation& operation, Runs where) {
  activity.progress();
  const std::lock_guard lock(mutex_);
  const Id id = next_++;
  Entry& entry = entries_[id % kKept];
  if (entry.open && entry.on_device) waiters_.fetch_sub(1, std::memory_order_relaxed);
  const bool on_device = where == Runs::on_device;
  entry = {operation, id, steady_now(), {}, true, on_device};
  if (on_device) waiters_.fetch_add(1, std::memory_order_relaxed);
  return id;
}

void FlightRecorder::end(Id id) {
  activity.progress();
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[id % kKept];
  if (entry.id != id || !entry.open) return;  // newer ones have taken its place
  if (entry.on_device) waiters_.fetch_sub(1, std::memory_order_relaxed);
  entry.open = false;
  entry.ended = steady_now();
}

FlightRecorder::~FlightRecorder() {
  {
    const std::lock_guard lock(asker_mutex_);
    stop_ = true;
  }
  wake_asker_.notify_one();
  if (asker_.joinable()) asker_.join();
}

void FlightRecorder::ask_sources() {
  {
    const std::lock_guard lock(asker_mutex_);
    asked_ = true;
  }
  if (asker_.joinable())
    wake_asker_.notify_one();
  else if (!sources_.empty())
    asker_ = std::thread([this] { ask(); });
}

void FlightRecorder::ask() {
  std::unique_lock lock(asker_mutex_);
  while (!stop_) {
    if (std::exchange(asked_, false)) {
      lock.unlock();
      sources_.for_each([](Source& source) { source.end_finished(); });
      lock.lock();
    } else {
      wake_asker_.wait(lock, [this] { return asked_ || stop_; });
    }
  }
}

void FlightRecorder::abort_all(std::chrono::milliseconds patience) {
  if (abortables_.empty()) return;
  const auto done = std::make_shared<std::promise<void>>();
  std::thread([this, done] {
    abortables_.for_each([](Abortable& abortable) { abortable.abort(); });
    done->set_value();
  }).detach();
  done->get_future().wait_for(patience);
}

std::string FlightRecorder::now() const {
  std::string text;
  if (waits()) {
    const std::lock_guard lock(mutex_);
    const Entry* oldest = nullptr;
    for (const Entry& entry : entries_)
      if (entry.open && (oldest == nullptr || entry.id < oldest->id)) oldest = &entry;
    text = "waits in " + (oldest ? describe(oldest->operation) : std::string("an operation"));
  }
  const std::string doing = activity.text();
  return text + (text.empty() || doing.empty() ? "" : ", ") + doing;
}

std::vector<std::string> FlightRecorder::last() const {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = steady_now();
  std::vector<std::string> lines;
  for (Id id = next_ > kKept ? next_ - kKept : 1; id < next_; ++id) {
    const Entry& entry = entries_[id % kKept];
    lines.push_back(fmt::format(
        "{}, {} bytes, begun {:.3f} s ago, {}", describe(entry.operation), entry.operation.bytes,
        seconds_between(entry.begun, now),
        entry.open ? "not ended" : fmt::format("took {:.6f} s", seconds_between(entry.begun, entry.ended))));
  }
  return lines;
}

}  // namespace lockstep
