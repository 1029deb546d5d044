#include "timing/clock.hpp"

#include <fmt/format.h>

#include <cmath>

namespace lockstep {

namespace {
constexpr const char* kIso8601 = "%Y-%m-%dT%H:%M:%SZ";

std::string format_utc(std::time_t time, const char* format) {
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, format, &utc)};
}
}  // namespace

std::string utc_timestamp() { return utc_timestamp(std::time(nullptr)); }
std::string utc_timestamp(std::time_t seconds_since_1970) { return format_utc(seconds_since_1970, kIso8601); }
std::string compact_utc_timestamp() { return format_utc(std::time(nullptr), "%Y%m%d-%H%M%S"); }

std::optional<std::time_t> seconds_of_timestamp(const std::string& iso8601) {
  std::tm utc{};
  const char* const end = strptime(iso8601.c_str(), kIso8601, &utc);
  if (!end || *end != '\0') return {};
  return timegm(&utc);
}

std::string duration_text(double seconds) {
  const auto s = std::lround(seconds);
  return s < 3600 ? fmt::format("{}:{:02}", s / 60, s % 60)
                  : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

}  // namespace lockstep
