// A 64-bit content digest (FNV-1a over 8-byte words, finished with the SplitMix64 mixer): cache keys,
// fingerprints, replica checksums. Not cryptographic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lockstep {

class Digest {
 public:
  Digest& add(const void* data, std::size_t bytes);
  Digest& add(std::string_view text) { return add(text.data(), text.size()).add_value(text.size()); }
  template <typename T>
  Digest& add_value(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    return add(&value, sizeof value);
  }
  std::uint64_t value() const;
  std::string hex() const;  // 16 lower-case digits

 private:
  std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

}  // namespace lockstep
