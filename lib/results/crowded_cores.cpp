#include "results/crowded_cores.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace lockstep {

namespace {

// The first number of the text, which it is taken from; nothing where there is none.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int32_t value = 0;  // a core's number fits
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return {};
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return value;
}

template <typename Use>
void for_each_word(std::string_view text, std::string_view separators, Use use) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) use(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

CoreSet::CoreSet(std::string_view text) {
  for_each_word(text, ", ", [&](std::string_view word) {
    const auto first = take_number(word);
    if (!first) return;
    auto last = first;
    if (word.starts_with('-')) {
      word.remove_prefix(1);
      last = take_number(word);
    }
    if (last && *last >= *first) ranges_[*first] = std::max(ranges_[*first], *last);
  });
  normalise();
}

void CoreSet::normalise() {
  for (auto range = ranges_.begin(); range != ranges_.end();) {
    const auto next = std::next(range);
    if (next == ranges_.end()) return;
    if (next->first > range->second + 1) {
      range = next;
      continue;
    }
    range->second = std::max(range->second, next->second);
    ranges_.erase(next);
  }
}

std::int64_t CoreSet::size() const {
  std::int64_t size = 0;
  for (const auto& [first, last] : ranges_) size += last - first + 1;
  return size;
}

bool CoreSet::contains(const CoreSet& other) const {
  return std::all_of(other.ranges_.begin(), other.ranges_.end(), [&](const auto& range) {
    const auto after = ranges_.upper_bound(range.first);
    return after != ranges_.begin() && std::prev(after)->second >= range.second;
  });
}

void CoreSet::add(const CoreSet& other) {
  for (const auto& [first, last] : other.ranges_) {
    const auto [range, added] = ranges_.emplace(first, last);
    if (!added) range->second = std::max(range->second, last);
  }
  normalise();
}

namespace {

// Beyond so many different bindings on a host, which no sane launcher makes, its cores are looked at as a whole.
constexpr std::size_t kMostBindings = 1024;

// A file may say anything; sums of such numbers stay within their type.
std::int64_t sane(std::int64_t count) { return std::clamp<std::int64_t>(count, 0, 1 << 24); }

struct Bound {
  std::int64_t threads = 0;
  std::vector<std::size_t> ranks = {};  // that have such threads, in order
};

struct Host {
  std::map<CoreSet, Bound> threads;                                     // by the cores that they may run on
  CoreSet cores;                                                        // of all its ranks
  bool named = true;                                                    // all ranks name their cores
  std::int64_t ranks = 0, count = 0, most_threads = 0, most_cores = 0;  // count: of threads; most: of a rank
  double quota = 0;

  void add(const RankEnvironment& rank, std::size_t number) {
    ++ranks;
    count += sane(rank.threads);
    most_threads = std::max(most_threads, sane(rank.threads));
    most_cores = std::max(most_cores, sane(rank.cores_bound));
    quota = std::max(quota, rank.cpu_quota);
    named = named && !rank.cores.empty();
    const CoreSet all(rank.cores);
    cores.add(all);
    if (rank.thread_cores.empty()) return bind(all, sane(rank.threads), number);
    for_each_word(rank.thread_cores, " ", [&](std::string_view word) { bind(CoreSet(word), 1, number); });
  }

  void bind(const CoreSet& to, std::int64_t number_of_threads, std::size_t rank) {
    Bound& bound = threads[to];
    bound.threads += number_of_threads;
    if (bound.ranks.empty() || bound.ranks.back() != rank) bound.ranks.push_back(rank);
  }

  double within_quota(std::int64_t some_cores) const {
    const auto room = static_cast<double>(some_cores);
    return quota > 0 ? std::min(room, std::max(1.0, quota)) : room;
  }

  // The host as a whole. Without names of cores, ranks that have more of them than threads are taken to share
  // them: those that are bound have as many.
  CrowdedCores whole() const {
    const std::int64_t unnamed = most_cores > most_threads ? most_cores : ranks * most_cores;
    return {.ranks = ranks, .threads = count, .cores = within_quota(named ? cores.size() : unnamed)};
  }

  // The threads that can only run on some of the cores.
  CrowdedCores within(const CoreSet& some) const {
    CrowdedCores crowded{.cores = within_quota(some.size())};
    std::vector<std::size_t> with_threads;
    for (const auto& [to, bound] : threads) {
      if (!some.contains(to)) continue;
      crowded.threads += bound.threads;
      with_threads.insert(with_threads.end(), bound.ranks.begin(), bound.ranks.end());
    }
    std::sort(with_threads.begin(), with_threads.end());
    crowded.ranks = std::unique(with_threads.begin(), with_threads.end()) - with_threads.begin();
    return crowded;
  }
};

// Threads for each core; 0: unknown how many cores.
double crowd(const CrowdedCores& place) {
  return place.cores > 0 ? static_cast<double>(place.threads) / place.cores : 0;
}

// The most crowded of the host's places.
CrowdedCores worst_of(const Host& host) {
  CrowdedCores worst = host.whole();
  const bool room = crowd(worst) <= 1;
  if (!host.named || host.threads.size() > kMostBindings) return worst;
  for (const auto& [cores, bound] : host.threads)
    if (const CrowdedCores place = host.within(cores); crowd(place) > crowd(worst)) worst = place;
  worst.all_have_room = room;
  return worst;
}

}  // namespace

std::optional<CrowdedCores> find_crowded_cores(const std::vector<RankEnvironment>& ranks) {
  std::map<std::string, Host> hosts;
  for (std::size_t r = 0; r < ranks.size(); ++r) hosts[ranks[r].host].add(ranks[r], r);
  std::optional<CrowdedCores> worst;
  for (const auto& [name, host] : hosts) {
    CrowdedCores place = worst_of(host);
    place.host = name;
    if (crowd(place) > 1 && (!worst || crowd(place) > crowd(*worst))) worst = place;
  }
  return worst;
}

std::string describe(const CrowdedCores& crowded) {
  return fmt::format(
      "{} threads of {} on {} of '{}'; {}", crowded.threads,
      crowded.ranks == 1 ? "1 rank" : fmt::format("{} ranks", crowded.ranks),
      crowded.cores == 1 ? "1 core" : fmt::format("{:g} cores", crowded.cores), crowded.host,
      crowded.all_have_room
          ? "give each its own, by the launcher's binding or OMP_PROC_BIND, or set parallel.threads"
          : "start fewer ranks there, or set parallel.threads");
}

}  // namespace lockstep
