// The communicator of one rank: every collective is the identity. Only reduce_scatter and all_gather move
// data: they copy.
#pragma once

#include <memory>

#include "comm/communicator.hpp"

namespace lockstep {

std::unique_ptr<Communicator> make_self_communicator();

}  // namespace lockstep
