// StepCapture: whether and when a run's step is captured as a CUDA graph, on all ranks or on none, and what
// came of it. The graphs themselves are cuda_graph.hpp's.
#pragma once

#include <string>

#include "launch/world.hpp"
#include "record/run_output.hpp"
#include "train/cuda_graph.hpp"
#include "train/setup.hpp"
#include "train/training_step.hpp"

namespace lockstep {

class StepCapture {
 public:
  // Everything outlives it. log: as StepGraphs has it.
  StepCapture(const Setup& setup, World& world, StepRecorder& recorder, WorkLog* log);

  StepGraphs& graphs() { return graphs_; }
  // Collective, between two steps, where step.may_capture(). Error(bad_input) where it fails and
  // training.cuda_graph is on.
  void capture(TrainingStep& step);
  // Whether steps are captured, or why not, to the output; nothing where no GPU computes.
  void report(const RunOutput& output) const;

 private:
  const Setup& setup_;
  World& world_;
  StepRecorder& recorder_;
  std::string obstacle_;  // why no step is captured; empty: steps are
  StepGraphs graphs_;
};

}  // namespace lockstep
