#include "analysis/metrics/pipeline.hpp"

#include <algorithm>
#include <numeric>

namespace lockstep {

std::optional<double> ideal_bubble(PipelineSchedule schedule, std::int64_t stages, std::int64_t micro_batches,
                                   std::int64_t chunks) {
  if (stages < 1 || micro_batches < 1 || chunks < 1) return {};
  const double p = static_cast<double>(stages), m = static_cast<double>(micro_batches);
  if (schedule == PipelineSchedule::layerwise) return 1 - 1 / p;
  const double v = schedule == PipelineSchedule::interleaved ? static_cast<double>(chunks) : 1;
  return (p - 1) / (v * m + p - 1);
}

double measured_bubble(std::span<const double> busy, double seconds) {
  return 1 - std::accumulate(busy.begin(), busy.end(), 0.0) / (static_cast<double>(busy.size()) * seconds);
}

double pipeline_bound(std::span<const double> stage_seconds, std::int64_t micro_batches) {
  if (stage_seconds.empty()) return 0;
  return static_cast<double>(micro_batches - 1) *
             *std::max_element(stage_seconds.begin(), stage_seconds.end()) +
         std::accumulate(stage_seconds.begin(), stage_seconds.end(), 0.0);
}

}  // namespace lockstep
