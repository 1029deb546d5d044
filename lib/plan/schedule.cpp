#include "plan/schedule.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {

namespace {

using Kind = Action::Kind;

void require_counts(int stages, int micro_batches, int chunks) {
  if (stages < 1) throw input_error("the number of stages is {}, it must be at least 1", stages);
  if (micro_batches < 1)
    throw input_error("the number of micro-batches is {}, it must be at least 1", micro_batches);
  if (chunks < 1) throw input_error("the number of chunks per stage is {}, it must be at least 1", chunks);
}

void require_interleaved(int stages, int micro_batches, int chunks) {
  if (chunks < 2)
    throw input_error("the schedule 'interleaved' needs at least 2 chunks per stage, not {}; use 1f1b",
                      chunks);
  if (micro_batches % stages == 0) return;
  const int above = (micro_batches / stages + 1) * stages;
  throw input_error(
      "the schedule 'interleaved' needs a multiple of the {} stages as number of micro-batches, not {}; use "
      "{}{}",
      stages, micro_batches, above > stages ? fmt::format("{} or ", above - stages) : "", above);
}

void require_valid(PipelineSchedule schedule, int stages, int micro_batches, int chunks) {
  require_counts(stages, micro_batches, chunks);
  if (schedule == PipelineSchedule::interleaved) {
    require_interleaved(stages, micro_batches, chunks);
  } else if (chunks > 1) {
    throw input_error("the schedule '{}' takes 1 chunk per stage, not {}; use interleaved", name_of(schedule),
                      chunks);
  }
}

// `warm_up` forward passes, a forward and a backward in turn, the backward passes that are left. forward(i)
// and backward(i) give a stage's i-th action of that kind, of n. layerwise, gpipe and 1f1b differ in warm_up
// only.
template <typename Forward, typename Backward>
std::vector<Action> alternate(int n, int warm_up, Forward forward, Backward backward) {
  std::vector<Action> actions;
  actions.reserve(2 * static_cast<std::size_t>(n));
  for (int i = 0; i < warm_up; ++i) actions.push_back(forward(i));
  for (int i = warm_up; i < n; ++i) {
    actions.push_back(forward(i));
    actions.push_back(backward(i - warm_up));
  }
  for (int i = n - warm_up; i < n; ++i) actions.push_back(backward(i));
  return actions;
}

std::vector<Action> plain_stage(PipelineSchedule schedule, int stages, int stage, int micro_batches) {
  int warm_up = 0;
  if (schedule == PipelineSchedule::gpipe) warm_up = micro_batches;
  if (schedule == PipelineSchedule::one_f_one_b) warm_up = std::min(stages - 1 - stage, micro_batches);
  const auto action = [stage](Kind kind) { return [=](int i) { return Action{kind, stage, i}; }; };
  return alternate(micro_batches, warm_up, action(Kind::forward), action(Kind::backward));
}

// The i-th forward (backward) pass of a stage is of the chunk and micro-batch that get_model_chunk_id and the
// schedule table of Megatron-LM's schedules.py say.
std::vector<Action> interleaved_stage(int stages, int stage, int micro_batches, int chunks) {
  const int n = micro_batches * chunks;
  const int warm_up = std::min(2 * (stages - 1 - stage) + (chunks - 1) * stages, n);
  const auto action = [=](Kind kind) {
    return [=](int i) {
      const int group = stages * chunks;
      const int local = i % group / stages;
      const int chunk = kind == Kind::forward ? local : chunks - 1 - local;
      return Action{kind, chunk * stages + stage, i / group * stages + i % stages};
    };
  };
  return alternate(n, warm_up, action(Kind::forward), action(Kind::backward));
}

template <typename Member>
int count_of(const StageActions& schedule, Member member) {
  int largest = -1;
  for (const auto& stage : schedule)
    for (const Action& action : stage) largest = std::max(largest, action.*member);
  return largest + 1;
}

}  // namespace

StageActions make_schedule(PipelineSchedule schedule, int stages, int micro_batches, int chunks_per_stage) {
  require_valid(schedule, stages, micro_batches, chunks_per_stage);
  StageActions result;
  for (int stage = 0; stage < stages; ++stage) {
    result.push_back(schedule == PipelineSchedule::interleaved
                         ? interleaved_stage(stages, stage, micro_batches, chunks_per_stage)
                         : plain_stage(schedule, stages, stage, micro_batches));
  }
  return result;
}

int chunk_count(const StageActions& schedule) { return count_of(schedule, &Action::chunk); }

int micro_batch_count(const StageActions& schedule) { return count_of(schedule, &Action::micro_batch); }

std::vector<int> peak_in_flight(const StageActions& schedule) {
  std::vector<int> held(static_cast<std::size_t>(chunk_count(schedule)), 0);
  std::vector<int> peak = held;
  for (const auto& stage : schedule) {
    for (const Action& action : stage) {
      const auto chunk = static_cast<std::size_t>(action.chunk);
      held[chunk] += action.kind == Kind::forward ? 1 : -1;
      peak[chunk] = std::max(peak[chunk], held[chunk]);
    }
  }
  return peak;
}

double peak_held(const std::vector<Action>& stage, const std::vector<double>& bytes_by_chunk) {
  double held = 0;
  double peak = 0;
  for (const Action& action : stage) {
    const double bytes = bytes_by_chunk.at(static_cast<std::size_t>(action.chunk));
    held += action.kind == Kind::forward ? bytes : -bytes;
    peak = std::max(peak, held);
  }
  return peak;
}

}  // namespace lockstep
