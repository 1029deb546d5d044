// ProcessGrid: which stage of which replica each rank is, when ranks = stages x replicas. Pure arithmetic,
// the same on every rank; nothing is communicated.
#pragma once

#include <span>
#include <vector>

namespace lockstep {

// A pipeline is the ranks of one replica, a stage group the ranks of one stage over the replicas (they hold
// the same parameters and all-reduce their gradients). Rank 0 is always stage 0 of replica 0.
class ProcessGrid {
 public:
  // Consecutive ranks form a pipeline: rank = replica x stages + stage. Error(bad_input) when stages is below
  // 1, above ranks, or does not divide it; no message names a key: put "<place>: " before it.
  ProcessGrid(int ranks, int stages);

  // node_of_rank: any number that is equal for ranks of one node. Each node forms as many pipelines of its
  // own ranks, in their order, as it can; what is left over on all nodes forms pipelines that span nodes. No
  // mapping has fewer of those. Replicas are numbered by their smallest rank. The same as above where ranks
  // are numbered node by node and stages divides each node's ranks. Errors as above.
  ProcessGrid(std::span<const int> node_of_rank, int stages);

  int ranks() const { return static_cast<int>(places_.size()); }
  int stages() const { return stages_; }
  int replicas() const { return ranks() / stages_; }

  struct Place {
    int stage = 0;
    int replica = 0;
    bool operator==(const Place&) const = default;
  };
  Place place(int rank) const { return places_.at(static_cast<std::size_t>(rank)); }
  int rank(int stage, int replica) const { return pipeline(replica).at(static_cast<std::size_t>(stage)); }

  // Ranks of a replica, by stage.
  const std::vector<int>& pipeline(int replica) const {
    return pipelines_.at(static_cast<std::size_t>(replica));
  }

 private:
  void number_places();

  int stages_;
  std::vector<std::vector<int>> pipelines_;
  std::vector<Place> places_;
};

}  // namespace lockstep
