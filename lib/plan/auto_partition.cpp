#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "plan/chunk_costs.hpp"
#include "plan/partition.hpp"

namespace lockstep {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kTie = 1e-9;  // relative: partitions of equal layers differ by rounding only
constexpr double kMiB = 1024.0 * 1024.0;

double squared(double x) { return x * x; }

// The partition that minimises combine over chunks of value(begin, end, chunk), where combine is monotone in
// its first argument; none when every partition has a chunk of value `worst`. Runs whose compute alone
// exceeds `cap` are left out.
template <typename Value, typename ValueOf, typename Combine>
std::optional<Boundaries> best_partition(const ChunkCosts& costs, double cap, Value worst, ValueOf value,
                                         Combine combine) {
  const int n = costs.layers();
  const int chunks = costs.chunks();
  const auto width = static_cast<std::size_t>(n) + 1;
  std::vector<Value> before(width, worst), best(width, worst);
  std::vector<int> from(static_cast<std::size_t>(chunks) * width, -1);
  before[0] = Value{};
  for (int chunk = 0; chunk < chunks; ++chunk) {
    std::fill(best.begin(), best.end(), worst);
    for (int end = chunk + 1; end <= n - (chunks - 1 - chunk); ++end) {
      const auto e = static_cast<std::size_t>(end);
      for (int begin = end - 1; begin >= chunk && costs.compute(begin, end) <= cap; --begin) {
        const Value& head = before[static_cast<std::size_t>(begin)];
        if (!(head < best[e])) continue;  // combine never gives less than its first argument
        const Value all = combine(head, value(begin, end, chunk));
        if (!(all < best[e])) continue;
        best[e] = all;
        from[static_cast<std::size_t>(chunk) * width + e] = begin;
      }
    }
    std::swap(before, best);
  }
  if (!(before[width - 1] < worst)) return std::nullopt;
  Boundaries result(static_cast<std::size_t>(chunks) + 1, n);
  for (std::size_t chunk = static_cast<std::size_t>(chunks); chunk-- > 0;)
    result[chunk] = from[chunk * width + static_cast<std::size_t>(result[chunk + 1])];
  return result;
}

double slowest_chunk(const ChunkCosts& costs, const Boundaries& boundaries) {
  double slowest = 0;
  for (std::size_t c = 0; c + 1 < boundaries.size(); ++c)
    slowest = std::max(slowest, costs.seconds(boundaries[c], boundaries[c + 1]));
  return slowest;
}

// The least slowest chunk where no chunk takes more than `limit` bytes; ties as the header says.
std::optional<Boundaries> least_slowest_chunk(const ChunkCosts& costs, double limit) {
  const auto fits = [&](int begin, int end, int chunk) {
    return static_cast<double>(costs.memory(begin, end, chunk)) <= limit;
  };
  // Where the even partition fits, no run that alone is slower than its slowest chunk is worth a look.
  const Boundaries even = even_partition(costs.layers(), costs.chunks());
  bool even_fits = true;
  for (int c = 0; c < costs.chunks(); ++c)
    even_fits =
        even_fits && fits(even[static_cast<std::size_t>(c)], even[static_cast<std::size_t>(c) + 1], c);
  const auto fastest = best_partition(
      costs, even_fits ? slowest_chunk(costs, even) : kInfinite, kInfinite,
      [&](int begin, int end, int chunk) {
        return fits(begin, end, chunk) ? costs.seconds(begin, end) : kInfinite;
      },
      [](double a, double b) { return std::max(a, b); });
  if (!fastest) return std::nullopt;
  const double cap = slowest_chunk(costs, *fastest) * (1 + kTie);
  using Squares = std::pair<double, double>;  // of bytes, of seconds
  const Squares never = {kInfinite, kInfinite};
  const auto squares = [&](int begin, int end, int chunk) {
    const double seconds = costs.seconds(begin, end);
    if (seconds > cap || !fits(begin, end, chunk)) return never;
    return Squares{squared(static_cast<double>(costs.memory(begin, end, chunk))), squared(seconds)};
  };
  return best_partition(costs, cap, never, squares, [](const Squares& a, const Squares& b) {
    return Squares{a.first + b.first, a.second + b.second};
  });
}

std::optional<Boundaries> least_memory(const ChunkCosts& costs) {
  return best_partition(
      costs, kInfinite, kInfinite,
      [&](int begin, int end, int chunk) { return static_cast<double>(costs.memory(begin, end, chunk)); },
      [](double a, double b) { return std::max(a, b); });
}

std::int64_t fullest_device(const PartitionProblem& problem, const Boundaries& boundaries) {
  std::int64_t fullest = 0;
  for (const StagePrediction& stage : predict_stages(problem, boundaries))
    fullest = std::max(fullest, stage.memory.total());
  return fullest;
}

[[nodiscard]] Error too_large(const PartitionProblem& problem, std::int64_t least) {
  return input_error(
      "no partition into {} stages fits: the fullest device needs {:.1f} MiB at least, a device has {:.1f} "
      "MiB; use more stages or smaller micro-batches",
      problem.schedule.size(), static_cast<double>(least) / kMiB,
      static_cast<double>(*problem.memory_limit) / kMiB);
}

// Several chunks a stage: improves a partition by moving one or two of its boundaries by a layer.
class Improvement {
 public:
  Improvement(const ChunkCosts& costs, double limit, Boundaries boundaries)
      : costs_(costs),
        limit_(limit),
        stages_(static_cast<std::size_t>(costs.stages())),
        boundaries_(std::move(boundaries)),
        seconds_(stages_),
        memory_(stages_) {
    for (std::size_t stage = 0; stage < stages_; ++stage) measure(stage);
  }

  // Less is better: bytes above the limit, slowest stage, sum of squares of the stages' seconds.
  using Score = std::array<double, 3>;

  Score score() const {
    Score score{};
    for (std::size_t stage = 0; stage < stages_; ++stage) {
      score[0] = std::max(score[0], memory_[stage] - limit_);
      score[1] = std::max(score[1], seconds_[stage]);
      score[2] += squared(seconds_[stage]);
    }
    return score;
  }

  // Ends, because each move lowers the score.
  Boundaries run() {
    best_ = score();
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t b = 1; b + 1 < boundaries_.size(); ++b)
        for (const int step : {-1, 1}) moved = try_move(b, step) || moved;
    }
    return boundaries_;
  }

 private:
  // Boundaries up to which also two are moved at once: that finds more, in time that grows with their square.
  static constexpr std::size_t kPairs = 32;

  void measure(std::size_t stage) {
    seconds_[stage] = memory_[stage] = 0;
    for (std::size_t c = stage; c + 1 < boundaries_.size(); c += stages_) {
      seconds_[stage] += costs_.seconds(boundaries_[c], boundaries_[c + 1]);
      memory_[stage] +=
          static_cast<double>(costs_.memory(boundaries_[c], boundaries_[c + 1], static_cast<int>(c)));
    }
  }

  void shift(std::size_t b, int step) {
    boundaries_[b] += step;
    measure((b - 1) % stages_);
    measure(b % stages_);
  }

  bool filled(std::size_t b) const {
    return boundaries_[b - 1] < boundaries_[b] && boundaries_[b] < boundaries_[b + 1];
  }

  bool lowers() {
    const Score now = score();
    if (!(now < best_)) return false;
    best_ = now;
    return true;
  }

  bool try_move(std::size_t b, int step) {
    shift(b, step);
    if (filled(b) && lowers()) return true;
    for (std::size_t other = b + 1; boundaries_.size() <= kPairs && other + 1 < boundaries_.size(); ++other) {
      for (const int other_step : {-1, 1}) {
        shift(other, other_step);
        if (filled(b) && filled(other) && lowers()) return true;
        shift(other, -other_step);
      }
    }
    shift(b, -step);
    return false;
  }

  const ChunkCosts& costs_;
  double limit_;
  std::size_t stages_;
  Boundaries boundaries_;
  std::vector<double> seconds_, memory_;  // by stage
  Score best_{};
};

// The best of the starts and of what they are improved to that fits; `least` becomes the least memory seen.
std::optional<Boundaries> best_improved(const PartitionProblem& problem, const ChunkCosts& costs,
                                        double limit, const std::vector<Boundaries>& starts,
                                        std::int64_t& least) {
  std::optional<Boundaries> best;
  Improvement::Score best_score{};
  for (const Boundaries& start : starts) {
    for (const Boundaries& candidate : {start, Improvement(costs, limit, start).run()}) {
      const std::int64_t memory = fullest_device(problem, candidate);
      least = std::min(least, memory);
      if (static_cast<double>(memory) > limit) continue;
      Improvement::Score score = Improvement(costs, limit, candidate).score();
      score[0] = 0;  // its bytes are a bound; those of the prediction fit
      if (best && !(score < best_score)) continue;
      best = candidate;
      best_score = score;
    }
  }
  return best;
}

Boundaries interleaved_partition(const PartitionProblem& problem, const ChunkCosts& costs, double limit) {
  const int chunks_per_stage = costs.chunks() / costs.stages();
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  std::vector<Boundaries> starts = {even_partition(costs.layers(), costs.chunks()),
                                    *least_slowest_chunk(costs, kInfinite)};
  if (const auto best = best_improved(problem, costs, limit, starts, least)) return *best;
  starts = {*least_memory(costs)};
  if (auto start = least_slowest_chunk(costs, limit / chunks_per_stage)) starts.push_back(*start);
  if (const auto best = best_improved(problem, costs, limit, starts, least)) return *best;
  throw too_large(problem, least);
}

}  // namespace

Boundaries auto_partition(const PartitionProblem& problem) {
  const ChunkCosts costs(problem);
  if (costs.chunks() < 1) throw input_error("a partition for an empty schedule");
  const int chunks_per_stage = costs.chunks() / costs.stages();
  even_partition(costs.layers(), costs.stages(), chunks_per_stage);  // refuses too few layers
  const double limit = problem.memory_limit ? static_cast<double>(*problem.memory_limit) : kInfinite;
  if (chunks_per_stage > 1) return interleaved_partition(problem, costs, limit);
  if (const auto best = least_slowest_chunk(costs, limit)) return *best;
  throw too_large(problem, fullest_device(problem, *least_memory(costs)));
}

}  // namespace lockstep
