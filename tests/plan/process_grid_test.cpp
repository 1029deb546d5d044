#include "plan/process_grid.hpp"

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

std::vector<int> nodes(std::initializer_list<int> ranks_per_node) {
  std::vector<int> result;
  int node = 0;
  for (const int ranks : ranks_per_node) {
    result.insert(result.end(), static_cast<std::size_t>(ranks), node);
    ++node;
  }
  return result;
}

// Pipelines whose ranks are not all on one node.
int pipelines_across_nodes(const ProcessGrid& grid, std::span<const int> node_of_rank) {
  int spanning = 0;
  for (int replica = 0; replica < grid.replicas(); ++replica) {
    const std::vector<int>& ranks = grid.pipeline(replica);
    const auto node = [&](int rank) { return node_of_rank[static_cast<std::size_t>(rank)]; };
    spanning += std::any_of(ranks.begin(), ranks.end(), [&](int r) { return node(r) != node(ranks[0]); });
  }
  return spanning;
}

// Every place has one rank, and the two directions agree.
void check_consistent(const ProcessGrid& grid) {
  std::set<int> seen;
  for (int replica = 0; replica < grid.replicas(); ++replica) {
    for (int stage = 0; stage < grid.stages(); ++stage) {
      const int rank = grid.rank(stage, replica);
      seen.insert(rank);
      CHECK(grid.place(rank) == ProcessGrid::Place{stage, replica});
      CHECK(grid.pipeline(replica)[static_cast<std::size_t>(stage)] == rank);
    }
  }
  CHECK(seen.size() == static_cast<std::size_t>(grid.ranks()));
  CHECK(*seen.rbegin() == grid.ranks() - 1);
  CHECK(grid.place(0) == ProcessGrid::Place{0, 0});
}

}  // namespace

TEST_CASE("consecutive ranks form a pipeline") {
  const ProcessGrid grid(6, 2);
  check_consistent(grid);
  CHECK(grid.replicas() == 3);
  CHECK(grid.pipeline(1) == std::vector<int>{2, 3});
  check_consistent(ProcessGrid(4, 4));
  check_consistent(ProcessGrid(4, 1));
}

TEST_CASE("a pipeline stays on one node where it can") {
  const auto four = nodes({4, 4});
  const ProcessGrid grid(four, 2);
  check_consistent(grid);
  CHECK(pipelines_across_nodes(grid, four) == 0);
  CHECK(grid.pipeline(2) == std::vector<int>{4, 5});

  // Consecutive ranks would split two of the four pipelines.
  const auto uneven = nodes({5, 6, 5});
  const ProcessGrid whole(uneven, 4);
  check_consistent(whole);
  CHECK(pipelines_across_nodes(whole, uneven) == 1);
  CHECK(pipelines_across_nodes(ProcessGrid(16, 4), uneven) == 2);
  CHECK(whole.pipeline(1) == std::vector<int>{4, 9, 10, 15});

  // Ranks dealt out to the nodes in turn (mpirun --map-by node).
  const std::vector<int> in_turn = {7, 3, 7, 3, 7, 3, 7, 3};
  const ProcessGrid dealt(in_turn, 4);
  check_consistent(dealt);
  CHECK(pipelines_across_nodes(dealt, in_turn) == 0);
  CHECK(dealt.pipeline(0) == std::vector<int>{0, 2, 4, 6});
}

TEST_CASE("a pipeline that is larger than a node spans as few as it can") {
  const auto two = nodes({2, 2, 2, 2});
  const ProcessGrid grid(two, 4);
  check_consistent(grid);
  CHECK(grid.pipeline(1) == std::vector<int>{4, 5, 6, 7});
  const auto first_small = nodes({1, 5});
  check_consistent(ProcessGrid(first_small, 3));
  CHECK(ProcessGrid(first_small, 3).pipeline(0) == std::vector<int>{0, 4, 5});
}

TEST_CASE("all grids are consistent") {
  for (int stages = 1; stages <= 5; ++stages)
    for (int a = 1; a <= 7; ++a)
      for (int b = 1; b <= 7; ++b)
        if ((a + b + 3) % stages == 0) {
          const auto map = nodes({a, b, 3});
          const ProcessGrid grid(map, stages);
          check_consistent(grid);
          CHECK(grid.replicas() - pipelines_across_nodes(grid, map) == a / stages + b / stages + 3 / stages);
        }
}

TEST_CASE("stages that do not fit the ranks are refused") {
  CHECK_THROWS_WITH(ProcessGrid(6, 4),
                    "4 stages do not divide 6 ranks; use 1, 2, 3 or 6 stages, or a multiple of 4 ranks");
  CHECK_THROWS_WITH(ProcessGrid(2, 4), "4 stages need at least 4 ranks, there are 2");
  CHECK_THROWS_WITH(ProcessGrid(2, 0), "the number of stages is 0, it must be at least 1");
  CHECK_THROWS_AS(ProcessGrid(0, 1), Error);
}
