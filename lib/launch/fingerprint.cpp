#include "launch/fingerprint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/digest.hpp"
#include "launch/device_map.hpp"

namespace lockstep {

std::string hardware_fingerprint(const std::vector<RankEnvironment>& ranks) {
  std::set<std::string> kinds;
  for (const RankEnvironment& e : ranks) {
    // Steps of 12.5 % in size, so that memory that firmware or kernel hold back makes no difference.
    const auto memory = std::llround(
        std::log(static_cast<double>(std::max<std::int64_t>(e.memory_bytes, 1))) / std::log(1.125));
    // Where a GPU computes, a rank's host has one thread's work to do.
    const bool limited = e.cpu_quota > 0 && e.device == kCpuDevice;
    const std::string quota = limited ? fmt::format("\nquota {:.2f}", e.cpu_quota) : "";
    kinds.insert(fmt::format("{}\n{}\n{}{}", e.cpu, e.device, memory, quota));
  }
  Digest digest;
  for (const std::string& kind : kinds) digest.add(kind);
  return digest.hex();
}

}  // namespace lockstep
