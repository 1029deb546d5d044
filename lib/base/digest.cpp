#include "base/digest.hpp"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace lockstep {

Digest& Digest::add(const void* data, std::size_t bytes) {
  state_ = XXH3_64bits_withSeed(data, bytes, state_);
  return *this;
}

std::string Digest::hex() const { return fmt::format("xxh3-{:016x}", value()); }

bool comparable_digests(std::string_view a, std::string_view b) {
  const auto kind = [](std::string_view hex) { return hex.substr(0, hex.find('-') + 1); };
  return a.empty() || b.empty() || kind(a) == kind(b);
}

}  // namespace lockstep
