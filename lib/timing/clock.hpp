// The host clock of every measurement: steady, seconds as double since an origin that the caller keeps.
#pragma once

#include <chrono>
#include <string>

namespace lockstep {

using SteadyTime = std::chrono::steady_clock::time_point;

inline SteadyTime steady_now() { return std::chrono::steady_clock::now(); }
inline double seconds_between(SteadyTime begin, SteadyTime end) {
  return std::chrono::duration<double>(end - begin).count();
}

// ISO 8601, UTC, whole seconds ("2026-01-31T12:00:00Z"): a label for people, never a measurement.
std::string utc_timestamp();
// "20260131-120000" UTC, for folder names.
std::string compact_utc_timestamp();

}  // namespace lockstep
