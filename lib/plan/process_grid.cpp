#include "plan/process_grid.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {

namespace {

std::string divisors(int n) {
  std::string text;
  for (int d = 1; d <= n; ++d)
    if (n % d == 0) text += fmt::format("{}{}", text.empty() ? "" : d == n ? " or " : ", ", d);
  return text;
}

void require_grid(int ranks, int stages) {
  if (stages < 1) throw input_error("the number of stages is {}, it must be at least 1", stages);
  if (ranks < 1) throw input_error("a grid of {} ranks", ranks);
  if (stages > ranks)
    throw input_error("{} stages need at least {} ranks, there are {}", stages, stages, ranks);
  if (ranks % stages != 0)
    throw input_error("{} stages do not divide {} ranks; use {} stages, or a multiple of {} ranks", stages,
                      ranks, divisors(ranks), stages);
}

// Ranks by node, nodes in the order in which they first appear.
std::vector<std::vector<int>> by_node(std::span<const int> node_of_rank) {
  std::vector<int> nodes;
  std::vector<std::vector<int>> members;
  for (std::size_t rank = 0; rank < node_of_rank.size(); ++rank) {
    const auto found = std::find(nodes.begin(), nodes.end(), node_of_rank[rank]);
    const auto node = static_cast<std::size_t>(found - nodes.begin());
    if (found == nodes.end()) {
      nodes.push_back(node_of_rank[rank]);
      members.emplace_back();
    }
    members[node].push_back(static_cast<int>(rank));
  }
  return members;
}

}  // namespace

ProcessGrid::ProcessGrid(int ranks, int stages)
    : ProcessGrid(std::vector<int>(static_cast<std::size_t>(std::max(ranks, 0)), 0), stages) {}

ProcessGrid::ProcessGrid(std::span<const int> node_of_rank, int stages) : stages_(stages) {
  require_grid(static_cast<int>(node_of_rank.size()), stages);
  const auto p = static_cast<std::size_t>(stages);
  std::vector<int> left_over;
  const auto cut = [&](const std::vector<int>& ranks) {
    std::size_t i = 0;
    for (; i + p <= ranks.size(); i += p)
      pipelines_.emplace_back(ranks.begin() + static_cast<std::ptrdiff_t>(i),
                              ranks.begin() + static_cast<std::ptrdiff_t>(i + p));
    return std::vector<int>(ranks.begin() + static_cast<std::ptrdiff_t>(i), ranks.end());
  };
  for (const auto& ranks : by_node(node_of_rank)) {
    const std::vector<int> rest = cut(ranks);
    left_over.insert(left_over.end(), rest.begin(), rest.end());
  }
  cut(left_over);
  number_places();
}

void ProcessGrid::number_places() {
  const auto smallest = [](const std::vector<int>& ranks) {
    return *std::min_element(ranks.begin(), ranks.end());
  };
  std::sort(pipelines_.begin(), pipelines_.end(),
            [&](const auto& a, const auto& b) { return smallest(a) < smallest(b); });
  places_.resize(pipelines_.size() * static_cast<std::size_t>(stages_));
  for (std::size_t replica = 0; replica < pipelines_.size(); ++replica)
    for (std::size_t stage = 0; stage < pipelines_[replica].size(); ++stage)
      places_[static_cast<std::size_t>(pipelines_[replica][stage])] = {static_cast<int>(stage),
                                                                       static_cast<int>(replica)};
}

}  // namespace lockstep
