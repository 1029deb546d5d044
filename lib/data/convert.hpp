// The inner loops of fetching: stored bytes to what a model takes. No Torch here; compiled with full
// vectorisation.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lockstep {

// out[i] = pixels[i] * scale + shift
void normalise_pixels(const std::uint8_t* pixels, std::size_t count, float scale, float shift, float* out);
// out[i] = ids[i]
void widen_tokens(const std::int32_t* ids, std::size_t count, std::int64_t* out);
void widen_bytes(const std::uint8_t* ids, std::size_t count, std::int64_t* out);

}  // namespace lockstep
