// Whether a run may go on from a checkpoint: what it trains must be what the checkpoint's run trained.
// docs/checkpoints.md lists what may differ.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "launch/world.hpp"
#include "train/checkpoint.hpp"
#include "train/setup.hpp"

namespace lockstep {

// The resolved settings that a checkpoint keeps: those that decide what is trained, and how far a step goes.
std::map<std::string, std::string> kept_settings(const Setup& setup);

// Not collective; the same on every rank. Error(bad_input) naming the key, both values and the remedy.
void require_same_training(const Checkpoint& checkpoint, const Setup& setup);

// What a checkpoint of this run says. run: its uuid. steps_done: by those that it goes on from too.
CheckpointFacts checkpoint_facts(const Setup& setup, const std::string& run, std::int64_t steps_done);

// Whether the ranks of this run are those that wrote the checkpoint, as far as their own state goes.
bool same_ranks(const Checkpoint& checkpoint, const Setup& setup, int ranks);

// Collective: each rank reads what it holds of the model. Error(bad_input) on every rank when one of them
// cannot, or when a tensor has no place on any.
void load_on_all_ranks(const Checkpoint& checkpoint, World& world, Model& model, FlatOptimizer& optimizer,
                       const Aliases& aliases);

}  // namespace lockstep
