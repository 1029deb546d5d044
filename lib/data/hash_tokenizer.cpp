// The hashing tokenizer needs no vocabulary, and therefore no pass over the text before it encodes.
#include <algorithm>

#include "base/error.hpp"
#include "data/tokenizer.hpp"

namespace lockstep {

namespace {

constexpr std::uint32_t kBasis = 2166136261U, kPrime = 16777619U;  // of 32-bit FNV-1a

bool is_white_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

unsigned char lower_case(char c) {
  return static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

class HashEncoder final : public TextEncoder {
 public:
  explicit HashEncoder(std::int64_t vocabulary) : vocabulary_(vocabulary) {}

  std::int64_t vocabulary() const override { return vocabulary_; }

  void encode(std::string_view text, std::int32_t* out, std::size_t max_length) const override {
    const auto divisor = static_cast<std::uint32_t>(vocabulary_ - 1);
    const auto* at = text.begin();
    for (const std::int32_t* const full = out + max_length; out != full; ++out) {
      at = std::find_if_not(at, text.end(), is_white_space);
      if (at == text.end()) return;
      std::uint32_t hash = kBasis;
      for (; at != text.end() && !is_white_space(*at); ++at) hash = (hash ^ lower_case(*at)) * kPrime;
      *out = static_cast<std::int32_t>(1 + hash % divisor);
    }
  }

 private:
  std::int64_t vocabulary_;
};

}  // namespace

std::unique_ptr<TextEncoder> hash_encoder(std::int64_t vocabulary) {
  if (vocabulary < 2 || vocabulary > INT32_MAX)
    throw input_error("data.vocabulary must be between 2 and {}, not {}", INT32_MAX, vocabulary);
  return std::make_unique<HashEncoder>(vocabulary);
}

}  // namespace lockstep
