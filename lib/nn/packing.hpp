// Packed sequences: those of unequal lengths without their padding, by falling length, all first steps, then
// all second steps, and so on.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace lockstep {

// How many samples have a step t: not rising, [0] is the batch.
using StepRows = std::vector<std::int64_t>;

struct Packing {
  StepRows rows;
  torch::Tensor places;  // (N) int64: of the packed rows in (B x T)
  torch::Tensor sorted;  // (B) int64: a sample's place in the order
  torch::Tensor mirror;  // (N) int64: the packed row of the same sample as many steps before its end
};

// lengths: (B) int64, each from 1 to `longest`, on any device; a GPU is waited for.
Packing pack(const torch::Tensor& lengths, std::int64_t longest);

// x: (B, T, E), as many T as `longest` was. Returns (N, E).
torch::Tensor packed_rows(const torch::Tensor& x, const Packing& packing);

// x: (N, E). Returns (B, longest, E), zero at padding.
torch::Tensor padded_rows(const torch::Tensor& x, const Packing& packing, std::int64_t longest);

// x: (N, E). Returns (N, E): every sample read from its end to its begin. Done twice, it is x again.
torch::Tensor mirrored_rows(const torch::Tensor& x, const Packing& packing);

// The same for sequences that keep their padding, which is never read back: places of a (B x T) that are
// computed where the lengths lie, so that nobody waits for a GPU.
struct PaddedPlaces {
  torch::Tensor ends;    // (B) int64: of each sample's last step
  torch::Tensor mirror;  // (B x T) int64: of the step as many before the sample's end; padding stays
};

// lengths: (B) int64, each from 1 to `longest`.
PaddedPlaces padded_places(const torch::Tensor& lengths, std::int64_t longest);

// x: (B, T, E). Returns (B, E): of each sample's last step.
torch::Tensor last_steps(const torch::Tensor& x, const PaddedPlaces& places);

// x: (B, T, E). Returns (B, T, E): every sample read from its end to its begin. Done twice, it is x again.
torch::Tensor mirrored_steps(const torch::Tensor& x, const PaddedPlaces& places);

// Without gradients. x: (N, H), of all steps. Returns (B, H): of each sample's last.
torch::Tensor last_rows(const torch::Tensor& x, const StepRows& rows);

// Without gradients. first: (B, H), x: (N, H), of all steps. Returns (N, H): of those before them.
torch::Tensor rows_before(const torch::Tensor& first, const torch::Tensor& x, const StepRows& rows);

}  // namespace lockstep
