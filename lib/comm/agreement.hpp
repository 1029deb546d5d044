// What must be equal on all ranks before they start.
#pragma once

#include <c10/core/Device.h>

#include <string>
#include <utility>
#include <vector>

#include "comm/communicator.hpp"
#include "launch/world.hpp"

namespace lockstep {

using Facts = std::vector<std::pair<std::string, std::string>>;  // name, value

// Collective. Error(bad_input), the same on every rank, that names the first fact in rank 0's order that is
// not the same everywhere, its values and their ranks. what: "the ranks were started differently"; remedy
// follows it.
void require_agreement(Group& group, const Facts& facts, const std::string& what, const std::string& remedy);

// The same between the ranks of a communicator. device: of its tensors.
void require_agreement(Communicator& communicator, const c10::Device& device, const Facts& facts,
                       const std::string& what, const std::string& remedy);

// Collective, the first thing that the ranks do together. The same for what they were started as: program,
// build and libraries, then asked_for, in this order.
void require_same_launch(World& world, const std::string& program, const Facts& asked_for);

}  // namespace lockstep
