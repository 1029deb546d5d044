#include "analysis/metrics/step_model.hpp"

#include <algorithm>

#include "analysis/metrics/statistics.hpp"

namespace lockstep {

double exposed_transfer(const StepModel& model, const Link& link, std::int64_t ranks,
                        double backward_seconds) {
  if (model.kind != StepKind::ring) return 0;
  double busy_until = 0;
  for (std::size_t i = 0; i < model.bucket_bytes.size(); ++i) {
    const double ready = model.overlap ? model.bucket_ready[i] * backward_seconds : backward_seconds;
    const double bytes = model.bucket_bytes[i];
    busy_until = std::max(busy_until, ready) +
                 (model.scatters ? link.all_gather(bytes, ranks) : link.all_reduce(bytes, ranks));
  }
  return ranks < 2 ? 0 : std::max(0.0, busy_until - backward_seconds);
}

namespace {

// For passes that take `compute` on the mean rank: the idle time of a rank.
double bubble_of(const StageModel& p, std::int64_t stages, double compute) {
  const double m = static_cast<double>(p.micro_batches), fill = static_cast<double>(stages - 1);
  return compute * ((p.longest - 1) * (m - 1) / m + fill / (m * static_cast<double>(p.chunks)));
}

void add_ring(StepCost& cost, const StepModel& model, const Link& link, std::int64_t ranks, double compute) {
  cost.exposed = exposed_transfer(model, link, ranks, model.backward_share * compute);
  if (ranks < 2) return;
  if (model.gathers)
    for (const double bytes : model.bucket_bytes) cost.exposed += link.all_gather(bytes, ranks);
  cost.waiting =
      model.uneven + model.spread * cost.work * expected_largest_normal(static_cast<double>(ranks));
}

void add_stages(StepCost& cost, const StepModel& model, const Link& link, std::int64_t ranks,
                double compute) {
  const bool grid = model.kind == StepKind::grid;
  const std::int64_t stages = grid ? model.pipeline.stages : ranks;
  cost.waiting = bubble_of(model.pipeline, stages, compute);
  cost.exposed = 2 * static_cast<double>(stages - 1) * model.each_message;
  if (grid)
    cost.exposed += link.all_reduce(model.gradient_bytes / static_cast<double>(stages), ranks / stages);
}

}  // namespace

StepCost cost_of_step(const StepModel& model, const Link& link, std::int64_t ranks, double samples_per_rank) {
  const double compute = model.fixed_compute + model.compute_per_sample * samples_per_rank;
  const bool shared = model.sharded || model.kind == StepKind::pipeline;
  const double optimizer = shared ? model.optimizer / static_cast<double>(ranks) : model.optimizer;
  StepCost cost;
  cost.work =
      compute + (model.data_per_sample + model.h2d_per_sample) * samples_per_rank + optimizer + model.other;
  if (model.kind == StepKind::ring)
    add_ring(cost, model, link, ranks, compute);
  else if (model.kind == StepKind::server)
    cost.exposed = model.fixed_messages + model.each_message * static_cast<double>(ranks - 1);
  else
    add_stages(cost, model, link, ranks, compute);
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
