// The hashing tokenizer needs no vocabulary and therefore no pass over the text. FNV-1a multiplies once a
// byte, one after the other, so a single word is bound by latency; many words are hashed side by side
// instead, in lanes of eight bytes a round. A word that ends within a round is followed by zeros there, and
// each zero only multiplies the hash by the prime, which is odd and hence invertible: one more multiplication
// takes them back. No branch depends on a length.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/error.hpp"
#include "data/tokenizer.hpp"
#include "data/wide_lanes.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace lockstep {

namespace {

constexpr std::uint32_t kBasis = 2166136261U, kPrime = 16777619U;
constexpr std::size_t kRound = 8;  // bytes of a word that a round takes

constexpr std::uint32_t inverse_of_prime() {
  std::uint32_t inverse = kPrime;  // Newton: each step doubles the correct bits
  for (int i = 0; i < 5; ++i) inverse *= 2 - kPrime * inverse;
  return inverse;
}
static_assert(inverse_of_prime() * kPrime == 1);

// kTakeBack[k] undoes the multiplications of a round that took k bytes of a word.
constexpr std::array<std::uint32_t, kRound + 1> kTakeBack = [] {
  std::array<std::uint32_t, kRound + 1> powers{};
  powers[kRound] = 1;
  for (std::size_t k = kRound; k > 0; --k) powers[k - 1] = powers[k] * inverse_of_prime();
  return powers;
}();

// kKeep[k] keeps the first k bytes of eight.
constexpr std::array<std::uint64_t, kRound + 1> kKeep = [] {
  std::array<std::uint64_t, kRound + 1> masks{};
  for (std::size_t k = 1; k <= kRound; ++k) masks[k] = masks[k - 1] << 8 | 0xff;
  return masks;
}();

std::uint64_t load(const char* bytes, std::size_t count) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, count);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

// Bit i: byte i of 64 is a space, \t, \n, \v, \f or \r.
std::uint64_t white_space_of_64(const char* bytes) {
  std::uint64_t mask = 0;
#if defined(__SSE2__)
  const __m128i space = _mm_set1_epi8(' '), tab = _mm_set1_epi8('\t'), span = _mm_set1_epi8('\r' - '\t');
  for (unsigned i = 0; i < 64; i += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + i));
    const __m128i above_tab = _mm_sub_epi8(block, tab);  // bytes below \t wrap to large values
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(above_tab, span), above_tab);
    const auto found = _mm_movemask_epi8(_mm_or_si128(control, _mm_cmpeq_epi8(block, space)));
    mask |= static_cast<std::uint64_t>(static_cast<unsigned>(found)) << i;
  }
#else
  for (unsigned i = 0; i < 64; ++i) {
    const bool white = bytes[i] == ' ' || (bytes[i] >= '\t' && bytes[i] <= '\r');
    mask |= std::uint64_t{white} << i;
  }
#endif
  return mask;
}

// Up to eight bytes of the text from `at`, without reading beyond its end; what is not text is 0.
std::uint64_t load_within(std::string_view text, const char* at) {
  const char* const end = text.data() + text.size();
  const auto left = static_cast<std::size_t>(end - at);
  if (left >= 8) return load(at, 8);
  if (text.size() >= 8) return load(end - 8, 8) >> (8 * (8 - left));
  return load(at, left);
}

constexpr std::uint32_t lower_case(std::uint32_t bytes) {
  const std::uint32_t low = bytes & 0x7f7f7f7fU;
  const std::uint32_t capital =
      (low + 0x3f3f3f3fU) & ~(low + 0x25252525U) & ~bytes & 0x80808080U;  // 'A' .. 'Z'
  return bytes + (capital >> 2);                                          // 0x80 >> 2 = 'a' - 'A'
}

// Words that are hashed side by side.
struct Lanes {
  static constexpr std::size_t kWords = 256;
  static constexpr std::size_t kSlack =
      72;  // the words of one more block of 64 bytes, and a last lane that is not full
  template <typename T>
  using Each = std::array<T, kWords + kSlack>;

  Each<std::uint32_t> first, second;  // the bytes of a round, four and four
  Each<std::uint32_t> take_back, lane_hash;
  Each<std::uint32_t> hash;                              // of each word
  std::array<const char*, 2 * (kWords + kSlack)> edges;  // begin and end of what is left of each word
  Each<std::uint16_t> round;   // the word in each lane of the second and later rounds
  Each<std::uint16_t> longer;  // words that go on after this round
  std::size_t words = 0, longer_words = 0;
};

LOCKSTEP_WIDE_LANES void hash_round(const std::uint32_t* __restrict first,
                                    const std::uint32_t* __restrict second,
                                    const std::uint32_t* __restrict take_back, std::uint32_t* __restrict hash,
                                    std::size_t words) {
  for (std::size_t lane = 0; lane < words; lane += 8)
    for (std::size_t i = lane; i < lane + 8; ++i) {
      const std::uint32_t a = lower_case(first[i]), b = lower_case(second[i]);
      std::uint32_t h = hash[i];
      for (int shift = 0; shift < 32; shift += 8) h = (h ^ (a >> shift & 0xff)) * kPrime;
      for (int shift = 0; shift < 32; shift += 8) h = (h ^ (b >> shift & 0xff)) * kPrime;
      hash[i] = h * take_back[i];
    }
}

// Puts the next bytes of word `from` into lane `to`.
void fill_lane(Lanes& lanes, std::size_t to, std::size_t from, std::string_view text) {
  const auto length = static_cast<std::size_t>(lanes.edges[2 * from + 1] - lanes.edges[2 * from]);
  // The smaller of the two, without a branch, which would be guessed wrong every few words.
  const std::int64_t over = static_cast<std::int64_t>(length) - static_cast<std::int64_t>(kRound);
  const auto taken = static_cast<std::size_t>(static_cast<std::int64_t>(kRound) + (over & over >> 63));
  const std::uint64_t bytes = load_within(text, lanes.edges[2 * from]) & kKeep[taken];
  lanes.first[to] = static_cast<std::uint32_t>(bytes);
  lanes.second[to] = static_cast<std::uint32_t>(bytes >> 32);
  lanes.take_back[to] = kTakeBack[taken];
  lanes.edges[2 * from] += taken;
  lanes.longer[lanes.longer_words] = static_cast<std::uint16_t>(from);
  lanes.longer_words += length > kRound;
}

void run_round(Lanes& lanes, std::size_t words) {
  hash_round(lanes.first.data(), lanes.second.data(), lanes.take_back.data(), lanes.lane_hash.data(), words);
}

void hash_words(Lanes& lanes, std::string_view text) {
  lanes.longer_words = 0;
  for (std::size_t i = 0; i < lanes.words; ++i) {
    fill_lane(lanes, i, i, text);
    lanes.lane_hash[i] = kBasis;
  }
  run_round(lanes, lanes.words);
  std::memcpy(lanes.hash.data(), lanes.lane_hash.data(), lanes.words * sizeof(std::uint32_t));
  while (lanes.longer_words > 0) {
    const std::size_t words = lanes.longer_words;
    std::memcpy(lanes.round.data(), lanes.longer.data(), words * sizeof(std::uint16_t));
    lanes.longer_words = 0;
    for (std::size_t i = 0; i < words; ++i) {
      fill_lane(lanes, i, lanes.round[i], text);
      lanes.lane_hash[i] = lanes.hash[lanes.round[i]];
    }
    run_round(lanes, words);
    for (std::size_t i = 0; i < words; ++i) lanes.hash[lanes.round[i]] = lanes.lane_hash[i];
  }
}

// Finds words block by block of 64 bytes.
class WordFinder {
 public:
  explicit WordFinder(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool done() const { return at_ == end_; }

  // Finds words until there are `wanted` or the text ends; up to one block's words more.
  void find(Lanes& lanes, std::size_t wanted) {
    std::size_t edges = 0;
    if (open_ != nullptr) lanes.edges[edges++] = open_;
    while (edges < 2 * wanted && at_ < end_) {
      const std::uint64_t text = ~block_white_space();
      for (std::uint64_t left = text ^ (text << 1 | (edges & 1)); left != 0; left &= left - 1)
        lanes.edges[edges++] = at_ + static_cast<std::size_t>(std::countr_zero(left));
      at_ = end_ - at_ > 64 ? at_ + 64 : end_;
    }
    if (at_ == end_ && edges % 2 == 1) lanes.edges[edges++] = end_;
    lanes.words = edges / 2;
    open_ = edges % 2 == 1 ? lanes.edges[edges - 1] : nullptr;
  }

 private:
  // Bit i: byte i of the block is white space, or lies beyond the text.
  std::uint64_t block_white_space() const {
    const auto left = static_cast<std::size_t>(end_ - at_);
    if (left >= 64) return white_space_of_64(at_);
    std::array<char, 64> padded;
    padded.fill(' ');
    std::memcpy(padded.data(), at_, left);
    return white_space_of_64(padded.data());
  }

  const char* at_;
  const char* end_;
  const char* open_ = nullptr;  // where a word began that the words found before did not hold
};

class HashEncoder final : public TextEncoder {
 public:
  explicit HashEncoder(std::int64_t vocabulary)
      : vocabulary_(vocabulary),
        divisor_(static_cast<std::uint32_t>(vocabulary - 1)),
        reciprocal_(~std::uint64_t{0} / divisor_ + 1) {}

  std::int64_t vocabulary() const override { return vocabulary_; }

  void encode(std::string_view text, std::int32_t* out, std::size_t max_length) const override {
    Lanes lanes;
    WordFinder finder(text);
    while (max_length > 0 && !finder.done()) {
      finder.find(lanes, std::min(max_length, Lanes::kWords));
      lanes.words = std::min(lanes.words, max_length);
      hash_words(lanes, text);
      for (std::size_t i = 0; i < lanes.words; ++i) out[i] = id_of(lanes.hash[i]);
      out += lanes.words;
      max_length -= lanes.words;
    }
  }

 private:
  // 1 + hash mod divisor without a division (Lemire, Kaser, Kurz: Faster remainder by direct computation,
  // 2019).
  std::int32_t id_of(std::uint32_t hash) const {
    const std::uint64_t fraction = reciprocal_ * hash;
    return static_cast<std::int32_t>(
        1 + static_cast<std::uint64_t>(static_cast<unsigned __int128>(fraction) * divisor_ >> 64));
  }

  std::int64_t vocabulary_;
  std::uint32_t divisor_;
  std::uint64_t reciprocal_;
};

}  // namespace

std::unique_ptr<TextEncoder> hash_encoder(std::int64_t vocabulary) {
  if (vocabulary < 2 || vocabulary > INT32_MAX)
    throw input_error("data.vocabulary must be between 2 and {}, not {}", INT32_MAX, vocabulary);
  return std::make_unique<HashEncoder>(vocabulary);
}

}  // namespace lockstep
