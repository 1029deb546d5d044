// The communicator of one rank: every collective is the identity, and moves no data but reduce_scatter and
// all_gather, which copy.
#pragma once

#include <memory>

#include "comm/communicator.hpp"

namespace lockstep {

std::unique_ptr<Communicator> make_self_communicator();

}  // namespace lockstep
