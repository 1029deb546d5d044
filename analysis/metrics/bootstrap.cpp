#include "analysis/metrics/bootstrap.hpp"

#include <algorithm>

#include "base/random.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kBlocks = 200;

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

Quantities median_of(const std::vector<Quantities>& launches) {
  Quantities result;
  std::vector<double> column(launches.size());
  for (std::size_t q = 0; q < kQuantities; ++q) {
    std::transform(launches.begin(), launches.end(), column.begin(),
                   [&](const Quantities& l) { return l.values[q]; });
    result.values[q] = median(column);
  }
  return result;
}

Estimate with_interval(double value, const std::vector<double>& draws) {
  Estimate result{value, {}};
  if (draws.empty()) return result;
  const double shares[] = {0.025, 0.975};
  const std::vector<double> bounds = percentiles(draws, shares);
  result.interval = {bounds[0], bounds[1]};
  return result;
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
  StepEstimates result{median_of(means), {}};
  if (launches.size() < 2) return result;
  RandomStream random({seed});
  for (int draw = 0; draw < kDraws; ++draw) {
    for (Quantities& m : means) m = resampled_mean(blocks[random.below(blocks.size())], random);
    result.draws.push_back(median_of(means));
  }
  return result;
}

Estimate estimate(const StepEstimates& group, const std::function<double(const Quantities&)>& metric) {
  std::vector<double> draws;
  for (const Quantities& draw : group.draws) draws.push_back(metric(draw));
  return with_interval(metric(group.point), draws);
}

Estimate estimate(const StepEstimates& group, const StepEstimates& base,
                  const std::function<double(const Quantities&, const Quantities&)>& metric) {
  std::vector<double> draws;
  const std::size_t pairs = std::min(group.draws.size(), base.draws.size());
  for (std::size_t i = 0; i < pairs; ++i) draws.push_back(metric(group.draws[i], base.draws[i]));
  return with_interval(metric(group.point, base.point), draws);
}

}  // namespace lockstep
