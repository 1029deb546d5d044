// When each action of a schedule begins and ends, given how long the passes take; and the closed formulas it
// is compared with. Pure.
#pragma once

#include <span>
#include <vector>

#include "plan/schedule.hpp"

namespace lockstep {

// Seconds of one micro-batch, by chunk (see Action).
struct ChunkTimes {
  std::vector<double> forward, backward;
  // [c]: of the activation from chunk c to c + 1, and of its gradient back. One entry less than chunks, or
  // none at all: no time. Not paid where both chunks are on one stage.
  std::vector<double> transfer;

  static ChunkTimes equal(int chunks, double forward_seconds, double backward_seconds);
};

struct TimedAction {
  Action action;
  double start = 0, end = 0;  // seconds from the step's begin
};

struct Timeline {
  std::vector<std::vector<TimedAction>> stages;  // by stage, in the order of the schedule
  double makespan = 0;                           // seconds: end of the last action
  std::vector<double> idle;                      // by stage, seconds within the makespan: the bubble
  std::vector<int> peak_in_flight;               // by stage, micro-batches of all its chunks together
  // Mean over the stages of idle / makespan, 0 .. 1.
  double idle_share() const;
};

// Each stage does its actions in the schedule's order, each as soon as its input has arrived: messages are
// sent when the pass that makes them ends, take `transfer`, keep nobody from computing and do not delay each
// other. Error(failed) if an action is missing, duplicated or on the wrong stage, or if the stages wait for
// each other forever; Error(bad_input) when there are not as many times as chunks, or one is negative.
Timeline simulate(const StageActions& schedule, const ChunkTimes& times);

// (m - 1) max_s t_s + sum_s t_s, t_s the forward and backward seconds of a micro-batch on stage s: a step of
// m micro-batches on a pipeline that is filled once, steady at the pace of its slowest stage, and drained
// once. Exact for gpipe and 1f1b with equal stages and free transfers. NOT a bound in general: with unequal
// stages, work of the stages behind the slowest can hide behind it and the step be shorter. One chunk a
// stage.
double filled_pipeline_seconds(std::span<const double> stage_seconds, int micro_batches);

// No schedule is faster: max over stages s of (m T_s + sum over the chunks c < s of t_c), and sum over all
// chunks of t_c. T_s: seconds of a micro-batch on all chunks of stage s; a stage can begin when its first
// micro-batch has passed the chunks before its first, and its last has to go back through them. Transfers are
// counted as free. chunk_seconds: forward and backward, by chunk.
double least_step_seconds(std::span<const double> chunk_seconds, int stages, int micro_batches);

// Share of the step for which a stage idles when all chunks take equally long and transfers nothing.
// gpipe, 1f1b: (p - 1) / (m + p - 1) (Huang et al. 2019, section 2.3; Narayanan et al. 2021, section 2.2,
// give it over the busy time, (p - 1) / m). interleaved: (p - 1) / (v m + p - 1) (the same, section 2.2).
// layerwise: (p - 1) / p.
double ideal_idle_share(PipelineSchedule schedule, int stages, int micro_batches, int chunks_per_stage = 1);

}  // namespace lockstep
