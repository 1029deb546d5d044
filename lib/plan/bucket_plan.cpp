#include "plan/bucket_plan.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

namespace {

constexpr double kBytesPerMiB = 1024.0 * 1024.0;

std::int64_t aligned(std::int64_t elements) {
  return (elements + BucketPlan::kAlignment - 1) / BucketPlan::kAlignment * BucketPlan::kAlignment;
}

void require_permutation(std::size_t parameters, std::span<const std::size_t> order) {
  std::vector<bool> seen(parameters, false);
  for (const std::size_t p : order) {
    if (p >= parameters || seen[p]) throw input_error("bucket plan: the ready order is not a permutation");
    seen[p] = true;
  }
  if (order.size() != parameters) throw input_error("bucket plan: the ready order is not a permutation");
}

}  // namespace

BucketPlan plan_buckets(std::span<const ParameterShape> parameters, std::span<const std::size_t> ready_order,
                        const BucketSizes& sizes) {
  require_permutation(parameters.size(), ready_order);
  BucketPlan plan;
  plan.bucket_of.resize(parameters.size());
  std::map<int, BucketPlan::Bucket> open;  // by kind
  const auto close = [&plan](BucketPlan::Bucket& bucket) {
    for (const BucketPlan::Slot& slot : bucket.slots) plan.bucket_of[slot.parameter] = plan.buckets.size();
    plan.buckets.push_back(std::exchange(bucket, {}));
  };
  for (const std::size_t p : ready_order) {
    const ParameterShape& shape = parameters[p];
    BucketPlan::Bucket& bucket = open[shape.kind];
    bucket.slots.push_back({p, bucket.elements});
    bucket.elements += aligned(shape.elements);
    const double limit = (plan.buckets.empty() ? sizes.first_mb : sizes.other_mb) * kBytesPerMiB;
    if (static_cast<double>(bucket.elements) * shape.element_bytes >= limit) close(bucket);
  }
  for (auto& [kind, bucket] : open)
    if (!bucket.slots.empty()) close(bucket);
  return plan;
}

std::vector<std::size_t> reverse_order(std::size_t parameters) {
  std::vector<std::size_t> order(parameters);
  std::iota(order.rbegin(), order.rend(), std::size_t{0});
  return order;
}

}  // namespace lockstep
