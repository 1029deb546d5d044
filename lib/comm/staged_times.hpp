// When an operation on device tensors that goes through the host's memory began and ended. Pure.
#pragma once

#include <algorithm>

#include "comm/communicator.hpp"

namespace lockstep {

struct StagedMoments {
  SteadyTime called;  // the caller's stream had come to the call: what is sent was there
  SteadyTime taken;   // the communication thread took the operation up
  SteadyTime ended;   // it had sent and received
  SteadyTime stored;  // what was received lay on the device
  SteadyTime
      went_on;  // a caller that stood still for it was awake again; the clock's origin: it need not wait
};

// From when both the data was there and the operation taken up, so that the copy to the host is a part of it;
// until the result lay on the device, or until the host gave the device something to do again, where it had
// stood still for the result.
inline WorkTimes staged_times(const StagedMoments& m) {
  const SteadyTime start = std::max(m.called, m.taken);
  return {m.called, start, std::max({start, m.ended, m.stored, m.went_on})};
}

}  // namespace lockstep
