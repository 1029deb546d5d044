#include "comm/node_ranks.hpp"

#include "launch/mpi_check.hpp"

namespace lockstep {
namespace {

MPI_Comm split(MPI_Comm parent, int color, int key) {
  MPI_Comm part = MPI_COMM_NULL;
  LOCKSTEP_MPI(MPI_Comm_split(parent, color, key, &part));
  if (part != MPI_COMM_NULL) LOCKSTEP_MPI(MPI_Comm_set_errhandler(part, MPI_ERRORS_RETURN));
  return part;
}

int rank_in(MPI_Comm comm) {
  int rank = 0;
  LOCKSTEP_MPI(MPI_Comm_rank(comm, &rank));
  return rank;
}

int size_of(MPI_Comm comm) {
  int size = 1;
  LOCKSTEP_MPI(MPI_Comm_size(comm, &size));
  return size;
}

}  // namespace

NodeRanks find_node_ranks(MPI_Comm parent, int ranks_per_node) {
  NodeRanks n;
  const int rank = rank_in(parent);
  n.total = size_of(parent);
  LOCKSTEP_MPI(MPI_Comm_split_type(parent, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &n.node));
  LOCKSTEP_MPI(MPI_Comm_set_errhandler(n.node, MPI_ERRORS_RETURN));
  if (ranks_per_node > 0) {
    MPI_Comm whole = n.node;
    n.node = split(whole, rank_in(whole) / ranks_per_node, rank);
    LOCKSTEP_MPI(MPI_Comm_free(&whole));
  }
  n.rank = rank_in(n.node);
  n.size = size_of(n.node);
  const int leads = n.rank == 0 ? 1 : 0;
  LOCKSTEP_MPI(MPI_Allreduce(&leads, &n.nodes, 1, MPI_INT, MPI_SUM, parent));
  LOCKSTEP_MPI(MPI_Allreduce(&n.size, &n.slices, 1, MPI_INT, MPI_MIN, parent));
  if (n.nodes > 1) n.across = split(parent, n.rank < n.slices ? n.rank : MPI_UNDEFINED, rank);
  return n;
}

}  // namespace lockstep
