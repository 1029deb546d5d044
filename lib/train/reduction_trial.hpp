// ReductionTrial: where parallel.overlap or parallel.bucket_mb is auto, tries ways of reducing gradients in the first
// steps of a run and goes on with the fastest. What is tried when, and what is chosen, plan/reduction_choice.hpp says.
// Works between steps, never in one; once it has chosen, nothing of the others is left.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "launch/world.hpp"
#include "plan/reduction_choice.hpp"
#include "record/run_output.hpp"
#include "timing/recorder.hpp"
#include "train/flat_optimizer.hpp"
#include "train/setup.hpp"
#include "train/strategy.hpp"

namespace lockstep {

class ReductionTrial {
 public:
  // Everything outlives it.
  ReductionTrial(const Setup& setup, World& world, Strategy& strategy, FlatOptimizer& optimizer,
                 StepRecorder& recorder);

  // Collective, before begin(): what a run that this one goes on from has chosen, which is not tried again.
  void take_over(const Reduction& chosen);
  // Collective, before the first step. output: rank 0 has one.
  void begin(std::int64_t steps_to_do, const RunOutput& output);
  // Collective, after each step.
  void after_step();
  // Whether the next step may belong to the trial.
  bool running() const { return !schedule_.empty(); }
  // What has been chosen by trial, here or before.
  const std::optional<Reduction>& chosen() const { return chosen_; }

 private:
  std::string obstacle(std::int64_t steps_to_do) const;
  void adopt(const Reduction& reduction);
  void decide();
  void report(const std::string& reason, const std::vector<double>& seconds, std::int64_t steps) const;

  const Setup& setup_;
  World& world_;
  Strategy& strategy_;
  FlatOptimizer& optimizer_;
  StepRecorder& recorder_;
  AskedReduction asked_;
  RunOutput output_;
  Reduction current_;
  std::optional<Reduction> chosen_;
  std::vector<Reduction> candidates_;
  std::vector<TrialStep> schedule_;           // empty: nothing is tried, or not any more
  std::vector<std::vector<double>> seconds_;  // by candidate, of the steps that count
  std::int64_t steps_ = 0;                    // so far
};

}  // namespace lockstep
