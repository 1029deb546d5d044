#include "launch/stall_detector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace lockstep {

namespace {

// Of the limit: a rank that has been silent for this long is the one that hangs, if any does. The
// others tell several times as often.
constexpr double kSilentShare = 0.3;
// The same of a rank that is busy with something of its own.
constexpr double kBusyShare = 0.3;
// Once a rank has left: how long all others wait before it is plain that they wait for it. Of the limit, and
// in seconds at most; longer where rank 0, which hears of all, is the one that has left.
constexpr double kDesertedShare = 1.0 / 3;
constexpr double kDesertedAfter = 5;
constexpr double kDesertedByRootAfter = 20;

}  // namespace

std::string Pulse::text() const { return fmt::format("{:.3f} {} {}", idle, waits ? 1 : 0, doing); }

Pulse Pulse::parse(const std::string& text) {
  Pulse pulse;
  std::istringstream in(text);
  in >> pulse.idle >> pulse.waits;
  in.get();
  std::getline(in, pulse.doing);
  return pulse;
}

StallDetector::StallDetector(std::vector<std::string> hosts, TimeLimit limit)
    : hosts_(std::move(hosts)), ranks_(hosts_.size()), limit_(std::move(limit)) {}

void StallDetector::heard(int rank, Pulse pulse) {
  Seen& seen = ranks_[static_cast<std::size_t>(rank)];
  seen.pulse = std::move(pulse);
  seen.silent = 0;
}

void StallDetector::ignore(int rank) { ranks_[static_cast<std::size_t>(rank)].watched = false; }

void StallDetector::left(int rank) {
  ignore(rank);
  ranks_[static_cast<std::size_t>(rank)].left = true;
}

void StallDetector::watch(int rank) { ranks_[static_cast<std::size_t>(rank)].watched = true; }

void StallDetector::advance(double seconds) {
  for (Seen& seen : ranks_) seen.silent += seconds;
}

// The watched rank of which measure is largest; -1 where it is nowhere above 0.
template <typename Measure>
int StallDetector::most(const Measure& measure) const {
  int found = -1;
  for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank)
    if (at(rank).watched && measure(at(rank)) > (found < 0 ? 0.0 : measure(at(found)))) found = rank;
  return found;
}

std::optional<Stall> StallDetector::deserted() const {
  const auto gone = std::find_if(ranks_.begin(), ranks_.end(), [](const Seen& seen) { return seen.left; });
  if (gone == ranks_.end()) return std::nullopt;
  const double longest = gone == ranks_.begin() ? kDesertedByRootAfter : kDesertedAfter;
  const double patience = std::min(longest, kDesertedShare * limit_.seconds);
  int waiting = 0;
  for (const Seen& seen : ranks_) {
    if (!seen.watched) continue;
    if (!seen.pulse.waits || seen.pulse.idle < patience) return std::nullopt;
    ++waiting;
  }
  if (waiting == 0) return std::nullopt;
  const int rank = static_cast<int>(gone - ranks_.begin());
  return Stall{
      rank, fmt::format("rank {} on host {} has ended{}; all ranks must take the same number of steps", rank,
                        hosts_[static_cast<std::size_t>(rank)], who_waits(rank))};
}

std::optional<Stall> StallDetector::stalled() const {
  if (const auto stall = deserted()) return stall;
  const auto idle = [](const Seen& seen) { return seen.pulse.idle; };
  const auto silence = [](const Seen& seen) { return seen.silent; };
  const auto own_work = [](const Seen& seen) { return seen.pulse.waits ? 0.0 : seen.pulse.idle; };
  const int stillest = most(idle), quietest = most(silence), busiest = most(own_work);
  const bool due = (stillest >= 0 && idle(at(stillest)) >= limit_.seconds) ||
                   (quietest >= 0 && silence(at(quietest)) >= limit_.seconds);
  if (!due) return std::nullopt;
  if (quietest >= 0 && silence(at(quietest)) >= kSilentShare * limit_.seconds)
    return Stall{quietest, line_for(quietest, /*answers=*/false)};
  const bool works = busiest >= 0 && own_work(at(busiest)) >= kBusyShare * limit_.seconds;
  const int culprit = works ? busiest : stillest;
  return Stall{culprit, line_for(culprit, /*answers=*/true)};
}

std::string StallDetector::line_for(int rank, bool answers) const {
  const Seen& seen = at(rank);
  const std::string who =
      ranks_.size() == 1 ? "the run"
                         : fmt::format("rank {} on host {}", rank, hosts_[static_cast<std::size_t>(rank)]);
  std::string line = answers ? fmt::format("{} has made no progress for {:.3g} s", who, seen.pulse.idle)
                             : fmt::format("{} has given no sign of life for {:.3g} s", who, seen.silent);
  if (!seen.pulse.doing.empty()) line += fmt::format(" ({}{})", answers ? "" : "last: ", seen.pulse.doing);
  line += who_waits(rank);
  return line + fmt::format("; {} allows {:.6g} s", limit_.setting, limit_.seconds);
}

std::string StallDetector::who_waits(int besides) const {
  for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank)
    if (rank != besides && at(rank).watched && at(rank).pulse.waits)
      return fmt::format("; rank {} {}", rank, at(rank).pulse.doing);
  return {};
}

}  // namespace lockstep
