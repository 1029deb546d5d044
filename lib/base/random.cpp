#include "base/random.hpp"

#include <cmath>
#include <cstring>
#include <numbers>
#include <numeric>
#include <utility>

namespace lockstep {

namespace {

// FNV-1a over words of eight bytes; words, unlike bytes, need their high half brought down.
std::uint64_t mixed(std::uint64_t state, std::string_view bytes) {
  constexpr std::uint64_t kPrime = 0x100000001b3ULL;
  for (; bytes.size() >= sizeof state; bytes.remove_prefix(sizeof state)) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    state = (state ^ word) * kPrime;
    state ^= state >> 29;
  }
  for (const char c : bytes) state = (state ^ static_cast<unsigned char>(c)) * kPrime;
  return state;
}

}  // namespace

std::uint64_t seed_of(std::initializer_list<std::string_view> texts) {
  std::uint64_t state = 0xcbf29ce484222325ULL;
  for (const std::string_view text : texts) {
    const std::uint64_t length = text.size();
    state = mixed(mixed(state, text), {reinterpret_cast<const char*>(&length), sizeof length});
  }
  return splitmix64(state);
}

RandomStream::RandomStream(std::initializer_list<std::uint64_t> keys) : key_(0x4c6f636b73746570ULL) {
  for (const std::uint64_t key : keys) key_ = splitmix64(key_ ^ splitmix64(key));
}

std::uint64_t RandomStream::below(std::uint64_t bound) {
  // Rejection of the values that would favour the low remainders.
  const std::uint64_t reject = (0 - bound) % bound;
  std::uint64_t value = next();
  while (value < reject) value = next();
  return value % bound;
}

double RandomStream::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

std::vector<std::int64_t> random_permutation(std::int64_t n, RandomStream stream) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[stream.below(i)]);
  return order;
}

}  // namespace lockstep
