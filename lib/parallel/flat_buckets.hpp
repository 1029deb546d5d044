// FlatBuckets: the memory of a bucket plan. Every gradient, and on request every parameter, becomes a view
// into one flat buffer per bucket, so that buckets are reduced and the optimizer steps without copying.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "plan/bucket_plan.hpp"

namespace lockstep {

struct BucketTable;  // results/run_data.hpp

struct NamedParameter {
  std::string name;
  torch::Tensor tensor;  // a leaf
  bool by_rows = false;  // a table of whose gradient a step touches few rows: it has a bucket of its own
};

struct FlatMemory {
  // Whether the values are moved into flat buffers too, for an optimizer that steps on them: fp32 only.
  // Otherwise the parameters are left alone, and a parameter without a gradient has none afterwards.
  bool values = true;
  bool gradients = true;  // false: no memory for the gradients, which stay where autograd puts them
  // Number of elements behind the last bucket's gradients, which travel with them.
  std::int64_t passengers = 0;
  Communicator* communicator = nullptr;  // allocates the buckets (then collective); null: any memory
  // Between whose ranks the values are shared out: each bucket's lie in its memory, and zeros behind them, so that
  // it can be cut into equal parts of whole cache lines (collective then); null: they are this rank's own. Where all
  // its ranks share memory they have the values in common, rank 0's, and a rank must not write any but its part.
  Communicator* sharers = nullptr;
};

// The elements of each of `parts` equal parts of a bucket, the end of the last ones padding.
std::int64_t part_elements(std::int64_t bucket_elements, int parts);
// Which elements of the bucket one of them has, without padding: none where the bucket ends before it.
struct PartRange {
  std::int64_t begin, end;
};
PartRange part_range(std::int64_t bucket_elements, int parts, int part);
// A view of these.
torch::Tensor part_of(const torch::Tensor& flat, int parts, int part);

// Of one flat buffer (a bucket's values, or an optimizer's moments laid out alike): the view of one
// parameter, with the parameter's strides where these leave no gap.
torch::Tensor slot_view(const torch::Tensor& flat, const BucketPlan::Slot& slot, const torch::Tensor& like);

class FlatBuckets {
 public:
  // With values: moves the parameters' values into flat buffers and points each .grad at its zeroed view.
  // Without: copies the existing gradients into their views. The parameters must be real or complex
  // floating-point numbers (with values: fp32), dense, on one device, and stay alive; Error otherwise, which
  // names the parameter. Allocates values and gradients; frees what they held.
  FlatBuckets(std::vector<NamedParameter> parameters, BucketPlan plan, FlatMemory memory = {});

  // Lays everything out for another plan of the same parameters; gradients are kept. Only one bucket at a
  // time is held twice.
  void relayout(BucketPlan plan);

  const BucketPlan& plan() const { return plan_; }
  const std::vector<NamedParameter>& parameters() const { return parameters_; }
  const std::vector<torch::Tensor>& values() const { return values_; }  // (elements) by bucket
  // The values, and the zeros behind them: as often as there are FlatMemory::sharers, part_elements().
  const std::vector<torch::Tensor>& padded_values() const { return padded_values_; }
  bool values_in_common() const { return values_in_common_; }
  const std::vector<torch::Tensor>& gradients() const { return gradients_; }  // (elements) by bucket
  // The gradients, and in the last bucket the passengers behind them.
  const std::vector<torch::Tensor>& messages() const { return messages_; }
  torch::Tensor passengers() const;  // (passengers)

  // The gradient's place in its bucket; .grad is this view, unless it has been replaced.
  const torch::Tensor& gradient_view(std::size_t parameter) const { return gradient_views_[parameter]; }
  bool has_gradient_in_place(std::size_t parameter) const;
  // Puts the gradient back in its place after the user (zero_grad with set_to_none) or autograd has replaced
  // it. If there is none, its place is zeroed and .grad points at it.
  void adopt_gradient(std::size_t parameter);
  // The same, but .grad stays undefined if there is none. Returns whether there is one.
  bool take_gradient(std::size_t parameter);
  void zero_gradients();

 private:
  void move_values();
  torch::Tensor new_values(std::int64_t elements, const torch::Tensor& like);
  void move_gradients();

  std::vector<NamedParameter> parameters_;
  BucketPlan plan_;
  FlatMemory memory_;
  bool values_in_common_ = false;
  std::vector<torch::Tensor> padded_values_, values_, messages_, gradients_;
  // By parameter. Autograd does not know them as views, because Optimizer::zero_grad() could not detach
  // those.
  std::vector<torch::Tensor> gradient_views_;
};

// The same data in the layout of another plan: for moments of an optimizer. flats: one tensor a bucket of
// `from`.
std::vector<torch::Tensor> relayout_flats(const std::vector<torch::Tensor>& flats, const BucketPlan& from,
                                          const BucketPlan& to,
                                          const std::vector<NamedParameter>& parameters);

// What a run file records of them.
BucketTable bucket_table(const FlatBuckets& buckets);

std::vector<ParameterShape> shapes_of(const std::vector<NamedParameter>& parameters);

}  // namespace lockstep
