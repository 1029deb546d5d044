// How a communicator's work is called in the flight recorder.
#pragma once

#include "comm/communicator.hpp"
#include "launch/flight_recorder.hpp"

namespace lockstep {

// peer: rank of the run that is the root, receiver or sender; of no consequence where the operation has none.
CommOperation operation_of(const Work& work, int peer);

}  // namespace lockstep
