// Addresses of this host, and which of them lead to others. Sends nothing.
#pragma once

#include <string>
#include <vector>

namespace lockstep {

inline constexpr const char* kLoopback = "127.0.0.1";

// Numeric, IPv4 and IPv6, of the interfaces that are up; without loopback and IPv6 link-local ones, whose scope no
// other host knows. Error when the system does not tell.
std::vector<std::string> addresses_of_this_host();

// Those of this host's addresses from which the system would send to one of `others`. What both have, such as a
// container bridge with the same address on every node, leads nowhere and is passed over.
std::vector<std::string> addresses_towards(const std::vector<std::string>& others);

}  // namespace lockstep
