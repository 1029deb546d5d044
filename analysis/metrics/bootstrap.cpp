#include "analysis/metrics/bootstrap.hpp"

#include <algorithm>
#include <cmath>

#include "base/random.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kBlocks = 50;

struct Block {
  Quantities sum;
  double steps = 0;
};

std::vector<Block> blocks_of(std::span<const Quantities> steps) {
  const std::size_t length = (steps.size() + kBlocks - 1) / kBlocks;
  std::vector<Block> blocks((steps.size() + length - 1) / length);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    blocks[i / length].sum += steps[i];
    blocks[i / length].steps += 1;
  }
  return blocks;
}

Quantities mean_of(const Block& block) {
  Quantities result = block.sum;
  return result *= 1 / block.steps;
}

Quantities resampled_mean(const std::vector<Block>& blocks, RandomStream& random) {
  Block all;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Block& drawn = blocks[random.below(blocks.size())];
    all.sum += drawn.sum;
    all.steps += drawn.steps;
  }
  return mean_of(all);
}

// The launch of the median wall time, or the mean of the two in the middle. Not the median of each quantity:
// those would be of several launches, and a whole less than its parts.
Quantities median_of(std::vector<Quantities> launches) {
  const auto by_wall = [](const Quantities& a, const Quantities& b) {
    return a[Quantity::wall] < b[Quantity::wall];
  };
  std::stable_sort(launches.begin(), launches.end(), by_wall);
  const std::size_t middle = launches.size() / 2;
  if (launches.size() % 2 == 1) return launches[middle];
  Quantities result = launches[middle - 1];
  result += launches[middle];
  return result *= 0.5;
}

}  // namespace

StepEstimates estimate_steps(std::span<const std::span<const Quantities>> launches, std::uint64_t seed) {
  std::vector<std::vector<Block>> blocks;
  std::vector<Quantities> means;
  for (const auto& steps : launches) {
    blocks.push_back(blocks_of(steps));
    Block whole;
    for (const Block& block : blocks.back()) {
      whole.sum += block.sum;
      whole.steps += block.steps;
    }
    means.push_back(mean_of(whole));
  }
  StepEstimates result{median_of(means), {}, launches.size()};
  if (launches.size() < 2) return result;
  RandomStream random({seed});
  for (int draw = 0; draw < kDraws; ++draw) {
    for (Quantities& m : means) m = resampled_mean(blocks[random.below(blocks.size())], random);
    result.draws.push_back(median_of(means));
  }
  return result;
}

Estimate with_interval(double value, std::span<const double> draws, std::size_t launches) {
  Estimate result{value, {}};
  if (draws.size() < 2 || launches < 2) return result;
  const double middle = mean(draws), n = static_cast<double>(launches);
  double squares = 0;
  for (const double draw : draws) squares += (draw - middle) * (draw - middle);
  const double error = std::sqrt(squares / static_cast<double>(draws.size() - 1) * n / (n - 1));
  const double half = student_t(launches - 1) * error;
  if (std::isfinite(half)) result.interval = {value - half, value + half};
  return result;
}

Estimate estimate(const StepEstimates& group, const std::function<double(const Quantities&)>& metric) {
  std::vector<double> draws;
  for (const Quantities& draw : group.draws) draws.push_back(metric(draw));
  return with_interval(metric(group.point), draws, group.launches);
}

Estimate estimate(const StepEstimates& group, const StepEstimates& base,
                  const std::function<double(const Quantities&, const Quantities&)>& metric) {
  std::vector<double> draws;
  const std::size_t pairs = std::min(group.draws.size(), base.draws.size());
  for (std::size_t i = 0; i < pairs; ++i) draws.push_back(metric(group.draws[i], base.draws[i]));
  return with_interval(metric(group.point, base.point), draws, std::min(group.launches, base.launches));
}

Estimate estimate_launches(std::span<const double> values, std::uint64_t seed) {
  std::vector<double> draws, drawn(values.size());
  RandomStream random({seed});
  for (int draw = 0; draw < kDraws && values.size() > 1; ++draw) {
    for (double& value : drawn) value = values[random.below(values.size())];
    draws.push_back(median(drawn));
  }
  return with_interval(median(values), draws, values.size());
}

}  // namespace lockstep
