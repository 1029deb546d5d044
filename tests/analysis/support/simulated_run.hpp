// Runs of a simulated machine: ranks that compute at their own pace, and gradient buckets that are reduced in
// rings over a link, one after another, under the backward pass. The truth behind what analyze should find.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/metrics/link_model.hpp"
#include "results/run_data.hpp"

namespace lockstep::test {

struct SimulatedRun {
  int ranks = 1;    // 1: train_seq
  int steps = 100;  // of the one epoch
  int batch = 64;   // global
  int seed = 1;
  double data = 5e-6, h2d = 0, forward = 100e-6, backward = 200e-6;  // seconds a sample
  double fixed = 0;                                                  // of the backward pass, seconds a step
  double optimizer = 1e-3, other = 0.1e-3;
  std::vector<double> buckets = {0.5e6, 2e6, 2e6, 1e6};  // bytes, in order of their all-reduces
  Link link = {20e-6, 2e9};
  bool overlap = true;
  // Relative standard deviations: of a launch's work, of a rank's work from step to step, of a transfer.
  double launch_spread = 0, spread = 0, link_spread = 0;
  int slow_rank = -1;
  double slow_compute = 1, slow_data = 1;  // its factors
};

RunData simulate(const SimulatedRun& simulated);

}  // namespace lockstep::test
