#include "data/convert.hpp"

namespace lockstep {

void normalise_pixels(const std::uint8_t* __restrict pixels, std::size_t count, float scale, float shift,
                      float* __restrict out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(pixels[i]) * scale + shift;
}

void widen_tokens(const std::int32_t* __restrict ids, std::size_t count, std::int64_t* __restrict out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = ids[i];
}

void widen_bytes(const std::uint8_t* __restrict ids, std::size_t count, std::int64_t* __restrict out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = ids[i];
}

}  // namespace lockstep
