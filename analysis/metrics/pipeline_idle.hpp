// What the ranks of a split model wait for: a message in transit, or each other. Pure.
#pragma once

#include <cstdint>

#include "analysis/metrics/collectives.hpp"
#include "results/run_data.hpp"

namespace lockstep {

// Whether ranks send each other messages, as the stages of a pipeline and the parameter server's ranks do.
bool has_messages(const CommTable& comm);

// An event begins when its rank asks for it, and ends when the rank has what it asked for. It is in transit
// only after the last participating rank has asked: until then its rank is idle, which in a run with messages
// is a bubble. Moves that time from comm_exposed to bubble, so that the sum of the two stays; a run without
// messages, and an event that not every rank recorded, are left as they are.
void book_idle_as_bubble(RunData& run);

// Messages from rank to rank in the steps from `first_step` on: their bytes, and the seconds for which they
// were in transit.
struct MessageTotals {
  double bytes = 0, seconds = 0;
};
MessageTotals message_totals(const CommTable& comm, const Collectives& matched, std::int64_t first_step);

}  // namespace lockstep
