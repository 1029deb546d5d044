// A model of one step of each mode, made of what was measured: what a step would cost with other ranks,
// links, buckets or batches. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/metrics/link_model.hpp"

namespace lockstep {

// How the ranks of a mode share a step.
enum class StepKind {
  ring,      // each has the whole model; gradients go round a ring
  server,    // rank 0 has the optimizer, and every message is to it or from it
  pipeline,  // the model is split into stages; more ranks are more stages
  grid       // so many stages, each with replicas that reduce their gradients; more ranks are more replicas
};

// What of a pipeline's schedule decides how long a step takes.
struct StageModel {
  std::int64_t stages = 1, micro_batches = 1, chunks = 1;
  double longest = 1;  // passes of the slowest stage by those of the mean one
};

// Of one rank, in seconds. Work grows with the samples of the rank; the optimizer does not. Of a pipeline it is
// that of all stages, which share it.
struct StepModel {
  double fixed_compute = 0, compute_per_sample = 0;  // forward and backward
  double backward_share = 2.0 / 3;                   // of compute
  double data_per_sample = 0, h2d_per_sample = 0;
  double optimizer = 0, other = 0;
  // Gradient buckets in the order of their reductions; ready: share of the backward pass after which.
  std::vector<double> bucket_bytes, bucket_ready;
  bool overlap = true;  // otherwise every bucket is started after the backward pass
  // Ring: each rank updates its part of every bucket. `optimizer` is that of all ranks.
  bool sharded = false;
  bool gathers = false;   // and then they gather the parts, where they do not have them in common
  bool scatters = false;  // buckets are reduce-scattered, not all-reduced
  double spread = 0;      // standard deviation of a rank's work from step to step, by the work
  double uneven = 0;      // seconds that the slowest rank always works longer than the mean
  StepKind kind = StepKind::ring;
  StageModel pipeline;
  // Exposed seconds for each rank beside the server, and those that do not grow with them; or for each of the
  // 2 (stages-1) messages that fill and drain a pipeline.
  double each_message = 0, fixed_messages = 0;
  double gradient_bytes = 0;  // grid: of the whole model
};

struct StepCost {
  double work = 0;     // data, copies, compute, optimizer, other
  double exposed = 0;  // transfer that no compute covers
  double waiting = 0;  // for the rank that works longest, or for a stage's input: the bubble
  double seconds = 0;  // all three
};

// Ring: one all-reduce at a time. The mean rank waits for the slowest as long as the largest of p independent
// normal numbers is above their mean. Server: rank 0's link carries the messages of all ranks, one after
// another. Pipeline: (m-1) max t + sum t with interleaved chunks as v m micro-batches. Grid: a pipeline, and
// after it the ring of each stage's replicas; 0 replicas are one.
StepCost cost_of_step(const StepModel& model, const Link& link, std::int64_t ranks, double samples_per_rank);

// Of a ring, transfer that the backward pass does not cover, with its length and the model's buckets; 0 of
// other kinds, which have no such buckets.
double exposed_transfer(const StepModel& model, const Link& link, std::int64_t ranks,
                        double backward_seconds);

// Buckets of so many bytes out of a gradient: a first one of at most `first`, the last one smaller; ready in
// proportion to the bytes.
void set_buckets(StepModel& model, double gradient_bytes, double bucket_bytes, double first_bytes);

}  // namespace lockstep
