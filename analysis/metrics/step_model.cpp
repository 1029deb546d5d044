#include "analysis/metrics/step_model.hpp"

#include <algorithm>

#include "analysis/metrics/statistics.hpp"

namespace lockstep {

double exposed_transfer(const StepModel& model, const Link& link, std::int64_t ranks,
                        double backward_seconds) {
  double busy_until = 0;
  for (std::size_t i = 0; i < model.bucket_bytes.size(); ++i) {
    const double ready = model.overlap ? model.bucket_ready[i] * backward_seconds : backward_seconds;
    busy_until = std::max(busy_until, ready) + link.all_reduce(model.bucket_bytes[i], ranks);
  }
  return ranks < 2 ? 0 : std::max(0.0, busy_until - backward_seconds);
}

StepCost cost_of_step(const StepModel& model, const Link& link, std::int64_t ranks, double samples_per_rank) {
  const double compute = model.fixed_compute + model.compute_per_sample * samples_per_rank;
  StepCost cost;
  cost.work = compute + (model.data_per_sample + model.h2d_per_sample) * samples_per_rank + model.optimizer +
              model.other;
  cost.exposed = exposed_transfer(model, link, ranks, model.backward_share * compute);
  if (ranks > 1)
    cost.waiting =
        model.uneven + model.spread * cost.work * expected_largest_normal(static_cast<double>(ranks));
  cost.seconds = cost.work + cost.exposed + cost.waiting;
  return cost;
}

void set_buckets(StepModel& model, double gradient_bytes, double bucket_bytes, double first_bytes) {
  model.bucket_bytes.clear();
  model.bucket_ready.clear();
  double done = 0;
  while (done < gradient_bytes && model.bucket_bytes.size() < 100'000) {
    const double size =
        std::min(gradient_bytes - done, done == 0 ? std::min(first_bytes, bucket_bytes) : bucket_bytes);
    done += size;
    model.bucket_bytes.push_back(size);
    model.bucket_ready.push_back(done / gradient_bytes);
  }
}

}  // namespace lockstep
