// FlatBuckets: the memory of a bucket plan. Every parameter and its gradient become views into flat buffers,
// one pair a bucket, so that a bucket is reduced, and the optimizer steps, without copying.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "parallel/bucket_plan.hpp"

namespace lockstep {

struct NamedParameter {
  std::string name;
  torch::Tensor tensor;  // fp32 leaf
};

// Of one flat buffer (a bucket's values, or an optimizer's moments laid out alike): the view of one
// parameter.
torch::Tensor slot_view(const torch::Tensor& flat, const BucketPlan::Slot& slot, const torch::Tensor& like);

class FlatBuckets {
 public:
  // Moves the parameters' values into flat buffers and points each .grad at its zeroed view. The parameters
  // must be fp32, on one device, and stay alive; Error otherwise. Allocates values and gradients; frees what
  // they held.
  FlatBuckets(std::vector<NamedParameter> parameters, BucketPlan plan);

  // Lays everything out anew for another plan of the same parameters; gradients are kept. One parameter's
  // worth of buckets at a time is held twice.
  void relayout(BucketPlan plan);

  const BucketPlan& plan() const { return plan_; }
  const std::vector<NamedParameter>& parameters() const { return parameters_; }
  const std::vector<torch::Tensor>& values() const { return values_; }        // (elements) by bucket
  const std::vector<torch::Tensor>& gradients() const { return gradients_; }  // (elements) by bucket

  // The gradient's place in its bucket; .grad is this view, unless somebody has replaced it.
  const torch::Tensor& gradient_view(std::size_t parameter) const { return gradient_views_[parameter]; }
  // Puts the gradient back in its place when the user (zero_grad with set_to_none) or autograd has replaced
  // it.
  void adopt_gradient(std::size_t parameter);
  void zero_gradients();

 private:
  void point_gradients();

  std::vector<NamedParameter> parameters_;
  BucketPlan plan_;
  std::vector<torch::Tensor> values_, gradients_;
  std::vector<torch::Tensor> gradient_views_;  // by parameter
};

// The same data in the layout of another plan: for moments of an optimizer. flats: one tensor a bucket of
// `from`.
std::vector<torch::Tensor> relayout_flats(const std::vector<torch::Tensor>& flats, const BucketPlan& from,
                                          const BucketPlan& to,
                                          const std::vector<NamedParameter>& parameters);

std::vector<ParameterShape> shapes_of(const std::vector<NamedParameter>& parameters);

}  // namespace lockstep
