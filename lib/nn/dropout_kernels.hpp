// The loops of dropout and softmax over plain fp32 memory, vectorised. No tensors, no threads.
#pragma once

#include <cstdint>
#include <span>

namespace lockstep::kernels {

// The mask of one sample at one place in the model. Element e of the sample is dropped when its 16 random
// bits are below `threshold`. Its bits: with g = e / 128, h = e % 128 / 16 and l = e % 16, half h of the
// Philox block whose counter is {16 g + l, sample, step, site} and whose key is the seed: sixteen blocks are
// computed side by side.
struct MaskKey {
  std::uint32_t seed_low, seed_high, sample, step, site;
  std::uint32_t threshold;  // of 65536
  float scale() const { return 65536.0F / static_cast<float>(65536 - threshold); }
};

inline constexpr std::int64_t kMaskGroup = 128;

// out[i] = kept(i) ? in[i] * scale : 0. The same memory may be given twice. `first`: the place of element 0
// in the sample, a multiple of kMaskGroup.
void apply_mask(const MaskKey& key, std::int64_t first, std::span<const float> in, std::span<float> out);

// out[i] = base[i] + (kept(i) ? in[i] * scale : 0).
void add_masked(const MaskKey& key, std::span<const float> in, std::span<const float> base,
                std::span<float> out);

// out[i] = in[i] > 0 and kept(i) ? in[i] * scale : 0.
void relu_mask(const MaskKey& key, std::span<const float> in, std::span<float> out);

// gradient_in[i] = out[i] > 0 ? gradient_out[i] * scale : 0, the backward pass of relu_mask.
void relu_mask_backward(float scale, std::span<const float> out, std::span<const float> gradient_out,
                        std::span<float> gradient_in);

// Rows of `columns` scores become probabilities, in place: softmax(scale * scores + bias), bias shared by the
// rows. An entry whose bias is -inf becomes exactly 0; not all of them may be. Relative error below 3e-7.
void softmax_rows(std::span<float> scores, std::span<const float> bias, float scale);

// probabilities -> dropped[i] = kept(i) ? p * scale : 0, and the sign of p says which (negative: dropped).
void mask_probabilities(const MaskKey& key, std::int64_t first, std::span<float> probabilities,
                        std::span<float> dropped);

// Backward through dropout and softmax of rows. signed_probabilities: as mask_probabilities left them.
// gradient: of the loss by the dropped probabilities; becomes the gradient by the scores before `scale`.
// dropped: as in the forward pass.
void softmax_rows_backward(std::span<const float> signed_probabilities, std::int64_t columns,
                           float mask_scale, float scale, std::span<float> gradient,
                           std::span<float> dropped);

}  // namespace lockstep::kernels
