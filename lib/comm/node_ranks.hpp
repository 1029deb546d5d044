// Which ranks of a communicator share a node, and which of them exchanges each slice of their buckets with
// the other nodes.
#pragma once

#include <mpi.h>

namespace lockstep {

struct NodeRanks {
  MPI_Comm node = MPI_COMM_NULL;  // the ranks of this node, in their order
  int rank = 0, size = 1;         // in it
  int nodes = 1;
  int total = 1;  // ranks of all nodes
  // Each node's buckets are cut into so many slices: the ranks of the smallest node where there are several,
  // since each slice has one rank on each node.
  int slices = 1;
  // The ranks of all nodes that have this rank's slice; null where there is one node, or no slice is this rank's.
  MPI_Comm across = MPI_COMM_NULL;
};

// Collective over `parent`. ranks_per_node: 0, or for tests, to take a node for several ones.
// The communicators are freed by MPI_Finalize alone.
NodeRanks find_node_ranks(MPI_Comm parent, int ranks_per_node = 0);

}  // namespace lockstep
