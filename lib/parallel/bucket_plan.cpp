#include "parallel/bucket_plan.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"

namespace lockstep {

namespace {

constexpr double kBytesPerMiB = 1024.0 * 1024.0;
constexpr double kBytesPerElement = 4;  // gradients are fp32

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
  bool open = false;
  for (const std::size_t p : ready_order) {
    if (!open) plan.buckets.emplace_back();
    BucketPlan::Bucket& bucket = plan.buckets.back();
    bucket.slots.push_back({p, bucket.elements});
    bucket.elements += aligned(parameters[p].elements);
    plan.bucket_of[p] = plan.buckets.size() - 1;
    const double limit = (plan.buckets.size() == 1 ? sizes.first_mb : sizes.other_mb) * kBytesPerMiB;
    open = static_cast<double>(bucket.elements) * kBytesPerElement < limit;
  }
  return plan;
}

std::vector<std::size_t> reverse_order(std::size_t parameters) {
  std::vector<std::size_t> order(parameters);
  std::iota(order.rbegin(), order.rend(), std::size_t{0});
  return order;
}

}  // namespace lockstep
