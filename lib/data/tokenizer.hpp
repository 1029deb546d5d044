// Text to token ids. 0 is padding. Bytes beyond ASCII are kept as they are: nothing is decoded, so no file is
// refused for its encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

class TextEncoder {
 public:
  virtual ~TextEncoder() = default;
  virtual std::int64_t vocabulary() const = 0;  // every id is below it
  virtual std::shared_ptr<const std::vector<std::string>> words() const { return nullptr; }  // of each id
  // Writes the ids of the first `max_length` tokens; the rest of `out` is left as it is. Thread-safe.
  virtual void encode(std::string_view text, std::int32_t* out, std::size_t max_length) const = 0;
};

// ASCII letters to lower case, split on ASCII white space, id = 1 + FNV-1a(token, 32 bit) mod (vocabulary -
// 1). vocabulary is at least 2.
std::unique_ptr<TextEncoder> hash_encoder(std::int64_t vocabulary);

}  // namespace lockstep
