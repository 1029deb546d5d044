// The types that device code and its callers share.
#pragma once

#include <cstdint>

namespace lockstep::kernels {

// One bfloat16 in memory, as at::BFloat16 and __nv_bfloat16 lay it out.
struct Bf16 {
  std::uint16_t bits;
};

}  // namespace lockstep::kernels
