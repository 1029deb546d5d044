#include "timing/clock.hpp"

#include <ctime>

namespace lockstep {

namespace {
std::string format_utc(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, format, &utc)};
}
}  // namespace

std::string utc_timestamp() { return format_utc("%Y-%m-%dT%H:%M:%SZ"); }
std::string compact_utc_timestamp() { return format_utc("%Y%m%d-%H%M%S"); }

}  // namespace lockstep
