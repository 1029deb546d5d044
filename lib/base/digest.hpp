// A 64-bit content digest (XXH3): cache keys, fingerprints, replica checksums. Not cryptographic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lockstep {

class Digest {
 public:
  // XXH3 of the bytes, seeded with the digest of what was added before.
  Digest& add(const void* data, std::size_t bytes);
  Digest& add(std::string_view text) { return add(text.data(), text.size()).add_value(text.size()); }
  template <typename T>
  Digest& add_value(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    return add(&value, sizeof value);
  }
  std::uint64_t value() const { return state_; }
  std::string hex() const;  // "xxh3-" and 16 lower-case digits

 private:
  std::uint64_t state_ = 0;
};

// Whether both texts are of the same function, so that a difference between them says something. Digests
// written by earlier versions are 16 digits and name no function. An empty text, of a file without one,
// differs from all.
bool comparable_digests(std::string_view a, std::string_view b);

}  // namespace lockstep
