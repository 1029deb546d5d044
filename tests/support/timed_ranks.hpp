// Claims about times that several ranks make together.
#pragma once

#include <mpi.h>

#include "support/timed.hpp"

namespace lockstep::test {

inline bool on_any_rank(bool here) {
  int any = here;
  MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return any != 0;
}

// Collective: the claims must hold on every rank, and all ranks try again or none.
inline void judge_times_of_ranks(const std::function<std::vector<Claim>()>& attempt) {
  judge_times({.any_rank = on_any_rank}, attempt);
}

}  // namespace lockstep::test
