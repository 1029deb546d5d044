#include "analysis/metrics/collectives.hpp"

#include <algorithm>
#include <limits>

#include "base/error.hpp"

namespace lockstep {

namespace {

// The sequence numbers that occur, ascending. Those of one rank ascend in the file, so the first rank gives
// nearly all of them.
std::vector<std::int64_t> numbers_of(const CommTable& comm, const std::vector<bool>& admitted) {
  std::vector<std::int64_t> numbers, others;
  for (std::size_t i = 0; i < comm.size(); ++i) {
    if (!admitted[i]) continue;
    if (numbers.empty() || comm.sequence[i] > numbers.back())
      numbers.push_back(comm.sequence[i]);
    else if (!std::binary_search(numbers.begin(), numbers.end(), comm.sequence[i]))
      others.push_back(comm.sequence[i]);
  }
  if (others.empty()) return numbers;
  numbers.insert(numbers.end(), others.begin(), others.end());
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

// Calls visit(event, place of its number) for every admitted event.
template <typename Visit>
void visit_places(const CommTable& comm, const std::vector<bool>& admitted,
                  const std::vector<std::int64_t>& numbers, Visit visit) {
  std::size_t place = 0;
  for (std::size_t i = 0; i < comm.size(); ++i) {
    if (!admitted[i]) continue;
    if (place + 1 < numbers.size() && numbers[place + 1] == comm.sequence[i])
      ++place;
    else
      place = static_cast<std::size_t>(std::lower_bound(numbers.begin(), numbers.end(), comm.sequence[i]) -
                                       numbers.begin());
    visit(i, place);
  }
}

}  // namespace

Collectives::Collectives(const CommTable& comm, std::int64_t ranks, std::int64_t steps)
    : comm_(&comm), ranks_(ranks), steps_(steps) {
  if (comm.size() > std::numeric_limits<Event>::max())
    throw input_error("{} communication events are more than can be matched", comm.size());
  std::vector<bool> admitted(comm.size());
  for (std::size_t i = 0; i < comm.size(); ++i)
    admitted[i] = comm.rank[i] >= 0 && comm.rank[i] < ranks && comm.step[i] >= 0 && comm.step[i] < steps;
  const std::vector<std::int64_t> numbers = numbers_of(comm, admitted);
  begins_.assign(numbers.size() + 1, 0);
  visit_places(comm, admitted, numbers, [&](std::size_t, std::size_t place) { ++begins_[place + 1]; });
  for (std::size_t i = 1; i < begins_.size(); ++i) begins_[i] += begins_[i - 1];
  events_.resize(begins_.back());
  std::vector<std::size_t> next(begins_.begin(), begins_.end() - 1);
  visit_places(comm, admitted, numbers,
               [&](std::size_t i, std::size_t place) { events_[next[place]++] = static_cast<Event>(i); });
  const auto by_rank = [&](Event a, Event b) { return comm.rank[a] < comm.rank[b]; };
  for (std::size_t c = 0; c < size(); ++c) {
    const auto begin = events_.begin() + static_cast<std::ptrdiff_t>(begins_[c]),
               end = events_.begin() + static_cast<std::ptrdiff_t>(begins_[c + 1]);
    if (!std::is_sorted(begin, end, by_rank)) std::stable_sort(begin, end, by_rank);
  }
}

bool Collectives::is_whole(std::size_t collective) const {
  const std::span<const Event> events = members(collective);
  if (std::ssize(events) != ranks_) return false;
  for (std::size_t r = 0; r < events.size(); ++r)
    if (comm_->rank[events[r]] != static_cast<std::int32_t>(r)) return false;
  return true;
}

}  // namespace lockstep
