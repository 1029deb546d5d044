// Pipeline schedules: which stage does what in which order in one step. Pure; when things happen is
// schedule_simulation.hpp, what they look like schedule_drawing.hpp and schedule_svg.hpp.
#pragma once

#include <vector>

#include "base/pipeline_schedule.hpp"

namespace lockstep {

// A forward or backward pass of one micro-batch through one chunk. A chunk is a contiguous run of the model's
// layers, numbered in the model's order: 0 .. stages x chunks_per_stage - 1, "virtual stages" in Narayanan et
// al. 2021. Chunk c is on stage c mod stages, so with one chunk a stage chunk and stage are the same number.
struct Action {
  enum class Kind { forward, backward };
  Kind kind = Kind::forward;
  int chunk = 0;
  int micro_batch = 0;
  bool operator==(const Action&) const = default;
};

// By stage, its actions in the order in which it does them; receives and sends lie between them.
using StageActions = std::vector<std::vector<Action>>;

// One step of m micro-batches on p stages, v chunks each.
//  * layerwise: forward and backward of a micro-batch alternate on every stage; stages never work at once.
//  * gpipe: a stage holds up to m micro-batches in flight.
//  * one_f_one_b: stage s does min(p - 1 - s, m) forward passes first, then a forward and a backward in turn,
//    and the remaining backward passes last; it holds up to min(p - s, m) micro-batches.
//  * interleaved: Megatron-LM's order. Micro-batches go through in groups of p, a group through all chunks of
//    a stage in turn; stage s does min(2 (p - 1 - s) + (v - 1) p, m v) forward passes first. It holds up to
//    one chunk's micro-batch more than that.
// Error(bad_input) for a count below 1, for v > 1 with another schedule than interleaved or v = 1 with it,
// and for interleaved with m no multiple of p. No message names a key: put "<place>: " before it.
StageActions make_schedule(PipelineSchedule schedule, int stages, int micro_batches,
                           int chunks_per_stage = 1);

// Chunks of the whole pipeline, stages x chunks_per_stage: one more than the largest in the schedule.
int chunk_count(const StageActions& schedule);
// Micro-batches of the step: one more than the largest in the schedule.
int micro_batch_count(const StageActions& schedule);

// The maximum number of micro-batches whose forward pass a stage has done but whose backward pass it has not
// finished, by chunk. Follows from the order alone.
std::vector<int> peak_in_flight(const StageActions& schedule);

// What `bytes_by_chunk`, held from the beginning of a micro-batch's forward pass through that chunk to the
// end of its backward pass, adds up to at most on this stage. With weights of 1 this is its micro-batches in
// flight.
double peak_held(const std::vector<Action>& stage, const std::vector<double>& bytes_by_chunk);

}  // namespace lockstep
