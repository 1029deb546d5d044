// Neighbours in memory as floats in registers: W of them by one access of up to 16 bytes, fp32 or bf16.
// Device code only.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "kernels/element.hpp"

namespace lockstep::kernels {

// W: 1, or a multiple of 4 with `from` aligned to 4 elements (bf16: to W, at most 8).
template <int W>
__device__ void load(const float* from, float (&to)[W]) {
  if constexpr (W == 1) {
    to[0] = *from;
  } else {
#pragma unroll
    for (int i = 0; i < W; i += 4) {
      const float4 v = *reinterpret_cast<const float4*>(from + i);
      to[i] = v.x, to[i + 1] = v.y, to[i + 2] = v.z, to[i + 3] = v.w;
    }
  }
}

template <int W>
__device__ void store(float* to, const float (&from)[W]) {
  if constexpr (W == 1) {
    *to = from[0];
  } else {
#pragma unroll
    for (int i = 0; i < W; i += 4)
      *reinterpret_cast<float4*>(to + i) = make_float4(from[i], from[i + 1], from[i + 2], from[i + 3]);
  }
}

// W bf16 as the words of one access.
template <int W>
struct Words;
template <>
struct Words<4> {
  using Type = uint2;
};
template <>
struct Words<8> {
  using Type = uint4;
};

template <int W>
__device__ void load(const Bf16* from, float (&to)[W]) {
  if constexpr (W == 1) {
    to[0] = __bfloat162float(*reinterpret_cast<const __nv_bfloat16*>(from));
  } else {
    const auto words = *reinterpret_cast<const typename Words<W>::Type*>(from);
    const auto* pairs = reinterpret_cast<const __nv_bfloat162*>(&words);
#pragma unroll
    for (int i = 0; i < W / 2; ++i) {
      const float2 v = __bfloat1622float2(pairs[i]);
      to[2 * i] = v.x, to[2 * i + 1] = v.y;
    }
  }
}

template <int W>
__device__ void store(Bf16* to, const float (&from)[W]) {
  if constexpr (W == 1) {
    *reinterpret_cast<__nv_bfloat16*>(to) = __float2bfloat16_rn(from[0]);
  } else {
    typename Words<W>::Type words;
    auto* pairs = reinterpret_cast<__nv_bfloat162*>(&words);
#pragma unroll
    for (int i = 0; i < W / 2; ++i) pairs[i] = __floats2bfloat162_rn(from[2 * i], from[2 * i + 1]);
    *reinterpret_cast<typename Words<W>::Type*>(to) = words;
  }
}

// Whether rows of `columns` elements, one behind the other from here, all begin at a multiple of W elements.
template <int W, typename T>
bool in_vectors(const T* begin, std::int64_t columns) {
  return columns % W == 0 &&
         reinterpret_cast<std::uintptr_t>(begin) % (W * sizeof(T) < 16 ? W * sizeof(T) : 16) == 0;
}

}  // namespace lockstep::kernels
