// A collective of which the caller prepares the tensor before the call and unpacks it after waiting: as one Work, which
// counts both as part of it.
#pragma once

#include <functional>

#include "comm/communicator.hpp"

namespace lockstep {

// begin: when the preparation began. unpack runs in the first wait().
WorkPtr prepared(WorkPtr work, SteadyTime begin, std::function<void()> unpack);

}  // namespace lockstep
