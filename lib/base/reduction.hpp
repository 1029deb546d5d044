// Reduction: in which way a run reduces its gradients, of those that parallel.overlap and parallel.bucket_mb offer.
#pragma once

#include <array>
#include <string>

#include "base/names.hpp"

namespace lockstep {

enum class Overlap {
  during,  // each bucket is launched during the backward pass, as soon as it is full
  after,   // all of them after it
  thread,  // as during, and over shared memory a thread that takes a core carries it out at once
};
template <>
inline constexpr auto kNames<Overlap> = std::to_array<Named<Overlap>>({
    {"true", Overlap::during},
    {"false", Overlap::after},
    {"thread", Overlap::thread},
});

struct Reduction {
  Overlap overlap = Overlap::during;
  double bucket_mb = 25;  // size of a gradient bucket, MiB
  bool operator==(const Reduction&) const = default;
};

// "overlap true, buckets of 25 MiB"
std::string text_of(const Reduction& reduction);

}  // namespace lockstep
