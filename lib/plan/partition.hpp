// Which layers of a model lie on which stage: given, even, or the best for measured costs. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "plan/schedule_simulation.hpp"
#include "plan/stage_memory.hpp"

namespace lockstep {

// Costs of one layer for one micro-batch.
struct LayerCost {
  double forward_seconds = 0;
  double backward_seconds = 0;
  std::int64_t parameter_bytes = 0;  // values only; a parameter of two layers counts in both
  std::int64_t output_bytes = 0;     // all that flows to the next layer; its gradient is taken as large
  std::int64_t saved_bytes = 0;      // kept from forward to backward, the output included
};

// A message of b bytes takes latency + b x seconds_per_byte (the alpha-beta model, Hockney 1994).
struct LinkCost {
  double latency_seconds = 0;
  double seconds_per_byte = 0;
  double seconds(std::int64_t bytes) const {
    return latency_seconds + seconds_per_byte * static_cast<double>(bytes);
  }
};

struct PartitionProblem {
  std::vector<LayerCost> layers;
  StageActions schedule;      // says the stages, the chunks, and how many micro-batches each has in flight
  LinkCost link;              // between any two stages
  int optimizer_moments = 0;  // see stage_memory()
  std::optional<std::int64_t> memory_limit;  // bytes of one device; empty: any
};

// Chunk c (see Action) holds the layers boundaries[c] .. boundaries[c + 1] - 1: one entry more than chunks,
// from 0 to the number of layers, rising. With one chunk a stage, chunk is stage.
using Boundaries = std::vector<int>;

// The three below: Error(bad_input) when there are fewer layers than chunks. No message names a key: put
// "<place>: " before it.

// Numbers of layers that differ by at most one, the larger ones first.
Boundaries even_partition(int layers, int stages, int chunks_per_stage = 1);

// counts: layers of each chunk, in the model's order. Error(bad_input) with the numbers when there are not
// as many as chunks, one is below 1, or they do not add up to the model's layers.
Boundaries explicit_partition(std::span<const std::int64_t> counts, int layers, int stages,
                              int chunks_per_stage = 1);

// The partition whose slowest stage is fastest. A stage's seconds are those of its layers, forward and
// backward, and of the messages at both its ends, two at each (activation and gradient): a device is taken to
// be as busy with a message it receives as with one it sends. The same input gives the same answer.
//  * One chunk a stage: the exact minimum over all partitions that keep within memory_limit, by dynamic
//    programming in O(chunks x layers^2). Of partitions within 1e-9 of it, that with the least sum of squares
//    of the devices' memory, and of those, of the stages' seconds.
//  * Several: the least slowest chunk, found in the same way, and the even partition are each improved by
//    moving boundaries by a layer while the slowest stage (all its chunks) gets faster; the better of them.
//    Never slower than even where even fits, but not always the optimum.
// Error(bad_input) when none fits into memory_limit (of those tried), with the least that would do.
Boundaries auto_partition(const PartitionProblem& problem);

struct StagePrediction {
  double forward_seconds = 0;  // of one micro-batch, all chunks
  double backward_seconds = 0;
  double transfer_seconds = 0;  // of all messages it sends and receives for one micro-batch
  StageMemory memory;           // activations: also the input of each chunk, but for the model's own
  double seconds() const { return forward_seconds + backward_seconds + transfer_seconds; }
};

// By stage. Error(bad_input) when the boundaries are none of this problem.
std::vector<StagePrediction> predict_stages(const PartitionProblem& problem, const Boundaries& boundaries);

// What simulate() needs of a partition.
ChunkTimes chunk_times(const PartitionProblem& problem, const Boundaries& boundaries);

// Error(bad_input) that names the fullest stage, its layers, its need and the limit, when one does not fit.
void require_fits(const PartitionProblem& problem, const Boundaries& boundaries);

}  // namespace lockstep
