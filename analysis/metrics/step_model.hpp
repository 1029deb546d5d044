// A model of one data-parallel step, made of what was measured: what a step would cost with other ranks,
// links, buckets or batches. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/metrics/link_model.hpp"

namespace lockstep {

// Of one rank, in seconds. Work grows with the samples of the rank; the optimizer does not.
struct StepModel {
  double fixed_compute = 0, compute_per_sample = 0;  // forward and backward
  double backward_share = 2.0 / 3;                   // of compute
  double data_per_sample = 0, h2d_per_sample = 0;
  double optimizer = 0, other = 0;
  // Gradient buckets in the order of their all-reduces; ready: share of the backward pass after which.
  std::vector<double> bucket_bytes, bucket_ready;
  bool overlap = true;  // otherwise every bucket is started after the backward pass
  double spread = 0;    // standard deviation of a rank's work from step to step, by the work
  double uneven = 0;    // seconds that the slowest rank always works longer than the mean
};

struct StepCost {
  double work = 0;     // data, copies, compute, optimizer, other
  double exposed = 0;  // transfer that no compute covers
  double waiting = 0;  // for the rank that works longest
  double seconds = 0;  // all three
};

// One ring all-reduce at a time. The mean rank waits for the slowest as long as the largest of p independent
// normal numbers is above their mean.
StepCost cost_of_step(const StepModel& model, const Link& link, std::int64_t ranks, double samples_per_rank);

// Transfer that the backward pass does not cover, with its length and the model's buckets.
double exposed_transfer(const StepModel& model, const Link& link, std::int64_t ranks,
                        double backward_seconds);

// Buckets of so many bytes out of a gradient: a first one of at most `first`, the last one smaller; ready in
// proportion to the bytes.
void set_buckets(StepModel& model, double gradient_bytes, double bucket_bytes, double first_bytes);

}  // namespace lockstep
