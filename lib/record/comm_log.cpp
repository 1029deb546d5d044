#include "record/comm_log.hpp"

#include <limits>
#include <utility>

namespace lockstep {

namespace {

constexpr int kChannelShift = 40;  // room for 10^12 Works of a channel

}  // namespace

void CommLog::take(WorkLog& log, std::int32_t step) {
  if (read_ == pending_.size()) {  // keeps the memory, lets the Works go
    pending_.clear();
    read_ = 0;
  }
  for (const LoggedWork& logged : log.works()) pending_.push_back({logged, step});
  log.clear();
}

void CommLog::resolve_below(std::int64_t step) {
  for (; read_ < pending_.size() && pending_[read_].step < step; ++read_) {
    Pending& p = pending_[read_];
    const WorkTimes times = p.logged.work->times();
    intervals_.push_back({.step = p.step,
                          .bucket = p.logged.bucket,
                          .sequence = (p.logged.channel << kChannelShift) + p.logged.work->sequence,
                          .bytes = p.logged.work->bytes,
                          .kind = static_cast<std::int32_t>(p.logged.work->kind),
                          .ready = seconds_between(origin_, times.ready),
                          .start = seconds_between(origin_, times.start),
                          .end = seconds_between(origin_, times.end),
                          .blocking = p.logged.blocking});
    p.logged.work.reset();
  }
}

std::vector<CommInterval> CommLog::take_intervals() {
  resolve_below(std::numeric_limits<std::int64_t>::max());
  return std::exchange(intervals_, {});
}

}  // namespace lockstep
