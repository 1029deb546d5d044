// Which ways of reducing gradients are tried where parallel.overlap or parallel.bucket_mb is auto, in which of a
// run's first steps, and which is chosen by what these took. Pure, the same on every rank.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/reduction.hpp"
#include "plan/bucket_plan.hpp"

namespace lockstep {

// What the configuration leaves open is empty.
struct AskedReduction {
  std::optional<Overlap> overlap;
  std::optional<double> bucket_mb;
  double first_bucket_mb = 1;  // no bucket is smaller
  bool spare_core = false;     // for Overlap::thread, which is tried nowhere else

  bool leaves_open() const { return !overlap || !bucket_mb; }
  // What is asked for, the rest as in `other`.
  Reduction or_else(const Reduction& other) const;
  // Where nothing is tried.
  Reduction usual() const;
};

// usual() first, then the others, by bucket size; sizes that lead to the same buckets once.
std::vector<Reduction> candidates(const AskedReduction& asked, std::span<const ParameterShape> parameters);

// A step of the trial. After a change of the bucket size comes one that does not count: its memory is new.
struct TrialStep {
  std::size_t candidate = 0;
  bool counts = false;
};

// Steps of a run before the first of the trial: in these the order of the buckets is learnt, and memory, caches and
// kernels are prepared.
inline constexpr std::int64_t kStepsBeforeTrial = 3;

// In rounds, so that what changes in the meantime changes for all candidates.
std::vector<TrialStep> trial_schedule(std::span<const Reduction> candidates);

// Steps until all is decided and the one after it, in which the chosen buckets are new; counted from the first.
std::int64_t steps_of_trial(std::span<const TrialStep> schedule);

struct ReductionChoice {
  std::size_t candidate = 0;
  std::string reason;  // a sentence without a full stop
};

// Middle of an odd number of values, mean of the two middle ones of an even number; NaN of none.
double median_of(std::vector<double> values);
// By candidate: the largest of the ranks' medians; NaN where a rank has NaN.
std::vector<double> slowest_of(std::span<const std::vector<double>> by_rank);

// seconds: slowest_of(). The fastest; the first candidate unless another is faster by more than two runs of one may
// differ by.
ReductionChoice choose(std::span<const Reduction> candidates, std::span<const double> seconds);

}  // namespace lockstep
