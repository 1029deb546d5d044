// The host clock of every measurement: steady, seconds as double since an origin that the caller keeps.
#pragma once

#include <chrono>
#include <ctime>
#include <optional>
#include <string>

namespace lockstep {

using SteadyTime = std::chrono::steady_clock::time_point;

inline SteadyTime steady_now() { return std::chrono::steady_clock::now(); }
inline double seconds_between(SteadyTime begin, SteadyTime end) {
  return std::chrono::duration<double>(end - begin).count();
}

// ISO 8601, UTC, whole seconds ("2026-01-31T12:00:00Z"): a label for people, never a measurement.
std::string utc_timestamp();
std::string utc_timestamp(std::time_t seconds_since_1970);
// Seconds since 1970 of such a label; nothing for another text.
std::optional<std::time_t> seconds_of_timestamp(const std::string& iso8601);
// "20260131-120000" UTC, for folder names.
std::string compact_utc_timestamp();

// "1:05", "2:00:05": minutes and seconds, with hours where there are any. seconds: not negative.
std::string duration_text(double seconds);

}  // namespace lockstep
