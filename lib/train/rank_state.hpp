// RankState: what a rank must have back beside the model to go on with the same bits: LibTorch's random
// generators, which draw the dropout masks on a GPU, and the order of its buckets, in which sums are formed.
// It is of use to the same number of ranks in the same mode alone; others go on without.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "train/checkpoint.hpp"
#include "train/strategy.hpp"

namespace lockstep {

struct RankState {
  std::string host_generator, device_generator;  // the second of a GPU alone
  std::vector<std::int64_t> bucket_order;        // empty: not learnt yet
  static auto fields(auto& state) {
    auto& [host, device, order] = state;
    return std::tie(host, device, order);
  }
};

// On a GPU waits for nothing but the generator.
RankState rank_state(const Strategy& strategy, torch::Device device);

// states: by rank.
void add_rank_states(CheckpointTensors& tensors, const std::vector<RankState>& states);

// Error(bad_input) where the state of rank first, first + stride, ... is damaged in the file.
void check_rank_states(const Checkpoint& checkpoint, int first, int stride);

// Not collective; before the first step. Error(bad_input) naming what is damaged.
void restore_generators(const Checkpoint& checkpoint, int rank, torch::Device device);
// The order of the rank's buckets; empty where there is none.
std::vector<std::size_t> bucket_order(const Checkpoint& checkpoint, int rank);

}  // namespace lockstep
