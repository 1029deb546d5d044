// Why a GPU runs slower than it could: bits as NVIDIA's management library numbers them, and as the run file
// keeps them. What is no fault (idle, a clock that the user has set) is left out.
#pragma once

#include <cstdint>
#include <string>

namespace lockstep {

inline constexpr std::int64_t kGpuSlowdownBits = 0x4 | 0x8 | 0x20 | 0x40 | 0x80;

// "power cap, temperature"; "none".
std::string gpu_slowdown_names(std::int64_t bits);

}  // namespace lockstep
