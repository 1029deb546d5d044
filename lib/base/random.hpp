// Counter-based randomness: a value is a pure function of its keys (seed, epoch, sample id, ...), so that
// nothing random depends on the number of ranks or threads.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace lockstep {

// SplitMix64's output function (Steele, Lea, Flood 2014).
constexpr std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// A seed that follows from texts. Not a Digest: what is drawn keeps its digits when
// the function of digests changes.
std::uint64_t seed_of(std::initializer_list<std::string_view> texts);

// One stream for one purpose: RandomStream({seed, kPurpose, epoch, id}). Copyable, no shared state.
class RandomStream {
 public:
  explicit RandomStream(std::initializer_list<std::uint64_t> keys);
  std::uint64_t next() { return splitmix64(key_ + 0x9e3779b97f4a7c15ULL * counter_++); }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
  std::uint64_t below(std::uint64_t bound);  // [0, bound), unbiased; bound > 0
  double normal();                           // mean 0, variance 1

 private:
  std::uint64_t key_;
  std::uint64_t counter_ = 0;
};

// Fisher-Yates: the permutation of 0..n-1 that follows from the stream.
std::vector<std::int64_t> random_permutation(std::int64_t n, RandomStream stream);

}  // namespace lockstep
