// How much memory this process may have, and the refusal of what asks for more before any of it is allocated.
#pragma once

#include <cstdint>
#include <string>

namespace lockstep {

// The least of the node's memory, its control group's limit and the process's own (ulimit -v). Bytes.
std::int64_t machine_memory_bytes();

// "512 B", "1.5 GiB", "3.6e+05 TiB": three digits.
std::string memory_text(double bytes);

// Error(bad_input) "WHAT ask for 3.6 TiB of memory, and there are 15.2 GiB; make them smaller" when `bytes`,
// a double so that no product overflows, is more than `available`.
void require_memory(double bytes, std::int64_t available, const std::string& what);

}  // namespace lockstep
