// Reads a DropoutMask in a kernel. Device code only.
#pragma once

#include "base/philox.hpp"
#include "kernels/dropout_mask.hpp"

namespace lockstep::kernels {

class MaskReader {
 public:
  __device__ explicit MaskReader(const DropoutMask& mask) : threshold_(mask.threshold), scale_(mask.scale) {
    if (threshold_ == 0) return;
    const std::uint64_t seed = mask.seed_place ? static_cast<std::uint64_t>(*mask.seed_place) : mask.seed;
    const std::uint64_t before =
        mask.offset_place ? static_cast<std::uint64_t>(*mask.offset_place) : std::uint64_t{0};
    key_ = {low(seed), low(seed >> 32)};
    offset_ = (before + mask.offset) / 4;
  }

  // Masks the elements from `first` on, a multiple of 4 unless W is 1.
  template <int W>
  __device__ void apply(std::int64_t first, float (&values)[W]) const {
    if (threshold_ == 0) return;
    if constexpr (W == 1) {
      values[0] = masked(values[0], bits(first / 4)[static_cast<std::size_t>(first % 4)]);
    } else {
#pragma unroll
      for (int i = 0; i < W; i += 4) {
        const std::array<std::uint32_t, 4> words = bits((first + i) / 4);
        values[i] = masked(values[i], words[0]);
        values[i + 1] = masked(values[i + 1], words[1]);
        values[i + 2] = masked(values[i + 2], words[2]);
        values[i + 3] = masked(values[i + 3], words[3]);
      }
    }
  }

 private:
  static __device__ std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

  __device__ std::array<std::uint32_t, 4> bits(std::int64_t quad) const {
    const auto place = static_cast<std::uint64_t>(quad);
    return philox({low(offset_), low(offset_ >> 32), low(place), low(place >> 32)}, key_);
  }

  __device__ float masked(float value, std::uint32_t word) const {
    return word < threshold_ ? 0.0f : value * scale_;
  }

  std::array<std::uint32_t, 2> key_{};
  std::uint64_t offset_ = 0;
  std::uint32_t threshold_;
  float scale_;
};

}  // namespace lockstep::kernels
