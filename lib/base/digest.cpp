#include "base/digest.hpp"

#include <fmt/format.h>

#include <cstring>

#include "base/random.hpp"

namespace lockstep {

namespace {
constexpr std::uint64_t kFnvPrime = 0x100000001b3ULL;
}

Digest& Digest::add(const void* data, std::size_t bytes) {
  const auto* p = static_cast<const unsigned char*>(data);
  for (; bytes >= 8; p += 8, bytes -= 8) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    state_ = (state_ ^ word) * kFnvPrime;
    state_ ^= state_ >> 29;  // words, unlike bytes, need their high half brought down
  }
  for (; bytes > 0; ++p, --bytes) state_ = (state_ ^ *p) * kFnvPrime;
  return *this;
}

std::uint64_t Digest::value() const { return splitmix64(state_); }

std::string Digest::hex() const { return fmt::format("{:016x}", value()); }

}  // namespace lockstep
