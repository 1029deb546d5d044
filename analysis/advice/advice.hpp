// Advice: changes that would make training faster, each with the gain that is predicted for it and the
// measurement behind it.
#pragma once

#include <string>
#include <vector>

#include "analysis/model/predictor.hpp"

namespace lockstep {

struct Advice {
  std::string what;            // "larger buckets: parallel.bucket_mb 8"
  Estimate gain;               // samples per second with it, by those without
  std::string because;         // the measurement, in a sentence
  bool keeps_training = true;  // false: it changes the batch, hence what is learned
  // Whether the interval of the gain lies above 1, as it is shown: otherwise it may as well be a loss. Single
  // launches have no interval, and it is said that they are single.
  bool is_gain() const { return !gain.interval || gain.interval->low >= kShownAboveOne; }
  static constexpr double kShownAboveOne = 1.005;  // by three digits 1.01
};

// For the predictor's group. What keeps the training as it is comes first, then what changes the batch; each
// by gain, the largest first. Nothing below a gain of 1 %. Ask is_gain() of each before it is called one.
std::vector<Advice> advice_for(const Predictor& predictor, const WorkloadSummary& workload);

}  // namespace lockstep
