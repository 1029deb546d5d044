#include "analysis/model/parallelism.hpp"

#include <cmath>
#include <map>

#include "analysis/metrics/pop.hpp"
#include "analysis/metrics/utilisation.hpp"

namespace lockstep {

namespace {

using Q = Quantity;

PopFactors factors_of(const Quantities& q) {
  return pop_factors(q.work(), q[Q::busiest], q[Q::wall], q[Q::ideal]);
}

PopSummary pop_of(const StepEstimates& steps) {
  PopSummary pop;
  const auto of = [&](double PopFactors::*factor) {
    return within(estimate(steps, [factor](const Quantities& q) { return factors_of(q).*factor; }), 0, 1);
  };
  pop.parallel = of(&PopFactors::parallel);
  pop.load_balance = of(&PopFactors::load_balance);
  pop.communication = of(&PopFactors::communication);
  pop.mean_work = steps.point.work();
  pop.most_work = steps.point[Q::busiest];
  pop.step = steps.point[Q::wall];
  if (!(steps.point[Q::ideal] > 0)) return pop;
  pop.ideal_step = steps.point[Q::ideal];
  pop.serialisation = of(&PopFactors::serialisation);
  pop.transfer = of(&PopFactors::transfer);
  return pop;
}

void add(BucketTimes& sum, const BucketTimes& more, double share) {
  sum.bucket = more.bucket;
  sum.events += more.events;
  for (double BucketTimes::*member :
       {&BucketTimes::bytes, &BucketTimes::ready, &BucketTimes::start, &BucketTimes::end,
        &BucketTimes::transfer, &BucketTimes::wait, &BucketTimes::exposed})
    sum.*member += more.*member * share;
}

std::vector<BucketTimes> buckets_of(const LaunchGroup& group) {
  std::map<std::int32_t, std::int64_t> launches;
  for (const Launch* launch : group.launches)
    for (const BucketTimes& b : launch->buckets) ++launches[b.bucket];
  std::map<std::int32_t, BucketTimes> means;
  for (const Launch* launch : group.launches)
    for (const BucketTimes& b : launch->buckets)
      add(means[b.bucket], b, 1 / static_cast<double>(launches[b.bucket]));
  std::vector<BucketTimes> result;
  for (const auto& [bucket, times] : means) result.push_back(times);
  return result;
}

}  // namespace

std::optional<LinkSummary> link_of(const LaunchGroup& group) {
  std::vector<double> latencies, bandwidths;
  std::int64_t sizes = 0;
  for (const Launch* launch : group.launches) {
    const auto link = fit_link(launch->reduced_by, launch->reductions, launch->reduced_ranks);
    if (!link || !std::isfinite(link->bandwidth)) continue;
    latencies.push_back(link->latency);
    bandwidths.push_back(link->bandwidth);
    sizes = std::ssize(launch->reductions);
  }
  if (latencies.empty()) return {};
  return LinkSummary{estimate_launches(latencies), estimate_launches(bandwidths), sizes};
}

Parallelism parallelism_of(const LaunchGroup& group, const StepEstimates& steps) {
  if (group.any().ranks < 2) return {};
  return {pop_of(steps), link_of(group), late_rank(group), buckets_of(group)};
}

std::optional<Estimate> utilisation_of(const LaunchGroup& group, const StepEstimates& steps) {
  const Launch& launch = group.any();
  const auto peak = peak_flops(launch.device, launch.setting("training.precision"),
                               launch.setting("training.tf32") == "on");
  const double flops = launch.flops_per_sample;
  if (!peak || !(flops > 0)) return {};
  return estimate(steps, [&](const Quantities& q) {
    return model_flops_utilisation(flops, q[Q::samples] / q[Q::wall], launch.ranks, *peak);
  });
}

}  // namespace lockstep
