// What the flight recorder calls a communicator's operations.
#pragma once

#include "comm/communicator.hpp"
#include "launch/flight_recorder.hpp"

namespace lockstep {

// peer: rank of the run that is the root, receiver or sender; ignored if the operation has none.
CommOperation operation_of(const Work& work, int peer);

}  // namespace lockstep
