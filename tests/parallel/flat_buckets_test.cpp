// FlatBuckets: parameters and gradients as views of flat memory, before and after it is laid out anew.
#include "parallel/flat_buckets.hpp"

#include "support.hpp"

using namespace lockstep;

namespace {

torch::Tensor leaf(torch::Tensor values) { return values.clone(at::MemoryFormat::Preserve).requires_grad_(); }

// Three shapes, one of them in another order of strides.
std::vector<NamedParameter> some_parameters() {
  torch::manual_seed(3);
  return {{"weight", leaf(torch::rand({3, 4}))},
          {"bias", leaf(torch::rand({5}))},
          {"filter", leaf(torch::rand({2, 3, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast))}};
}

BucketPlan plan_of(const std::vector<NamedParameter>& parameters, const std::vector<std::size_t>& order,
                   double mb) {
  return plan_buckets(shapes_of(parameters), order, {mb, mb});
}

const void* storage_of(const torch::Tensor& tensor) { return tensor.storage().data(); }

}  // namespace

TEST_CASE("values and gradients become views of one flat tensor a bucket, and keep what they were") {
  const std::vector<NamedParameter> parameters = some_parameters();
  std::vector<torch::Tensor> before;
  for (const NamedParameter& p : parameters) before.push_back(p.tensor.detach().clone());
  const FlatBuckets buckets(parameters, plan_of(parameters, {2, 1, 0}, 100));
  REQUIRE(buckets.values().size() == 1);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const torch::Tensor& tensor = parameters[i].tensor;
    CAPTURE(parameters[i].name);
    CHECK(at::equal(tensor, before[i]));
    CHECK(tensor.strides() == before[i].strides());
    CHECK(storage_of(tensor) == storage_of(buckets.values()[0]));
    REQUIRE(tensor.grad().defined());
    CHECK(tensor.grad().strides() == before[i].strides());
    CHECK(storage_of(tensor.grad()) == storage_of(buckets.gradients()[0]));
    CHECK(tensor.grad().abs().sum().item<float>() == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(tensor.data_ptr()) % 64 ==
          reinterpret_cast<std::uintptr_t>(buckets.values()[0].data_ptr()) % 64);
  }
}

TEST_CASE("backward adds into the bucket, and a step over the bucket moves the parameters") {
  const std::vector<NamedParameter> parameters = some_parameters();
  FlatBuckets buckets(parameters, plan_of(parameters, {2, 1, 0}, 100));
  (parameters[0].tensor.sum() + 2 * parameters[2].tensor.sum()).backward();
  CHECK(buckets.gradients()[0].sum().item<float>() == 12 + 2 * 24);
  const torch::Tensor before = parameters[2].tensor.detach().clone();
  torch::Tensor(buckets.values()[0]).sub_(buckets.gradients()[0]);
  CHECK(at::equal(parameters[2].tensor, before - 2));
  buckets.zero_gradients();
  CHECK(parameters[0].tensor.grad().abs().sum().item<float>() == 0);
}

TEST_CASE("a gradient that somebody has replaced is put back in its place") {
  const std::vector<NamedParameter> parameters = some_parameters();
  FlatBuckets buckets(parameters, plan_of(parameters, {0, 1, 2}, 100));
  torch::Tensor bias = parameters[1].tensor;
  bias.mutable_grad() = torch::full({5}, 7.0F);
  buckets.adopt_gradient(1);
  CHECK(bias.grad().data_ptr() == buckets.gradient_view(1).data_ptr());
  CHECK(at::equal(buckets.gradient_view(1), torch::full({5}, 7.0F)));

  bias.mutable_grad().reset();
  CHECK_FALSE(buckets.take_gradient(1));
  CHECK_FALSE(bias.grad().defined());
  CHECK(buckets.gradient_view(1).abs().sum().item<float>() == 0);
  buckets.adopt_gradient(1);
  CHECK(bias.grad().data_ptr() == buckets.gradient_view(1).data_ptr());
}

TEST_CASE("another layout keeps values, gradients and what an optimizer keeps beside them") {
  const std::vector<NamedParameter> parameters = some_parameters();
  const BucketPlan from = plan_of(parameters, {2, 1, 0}, 100), to = plan_of(parameters, {1, 0, 2}, 1e-5);
  REQUIRE(to.buckets.size() == 3);
  FlatBuckets buckets(parameters, from);
  std::vector<torch::Tensor> values;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    torch::Tensor tensor = parameters[i].tensor;
    values.push_back(tensor.detach().clone());
    tensor.mutable_grad().fill_(static_cast<double>(i + 1));
  }
  const std::vector<torch::Tensor> moments = relayout_flats(buckets.values(), from, to, parameters);
  buckets.relayout(to);
  REQUIRE(buckets.values().size() == 3);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    CAPTURE(parameters[i].name);
    const torch::Tensor& tensor = parameters[i].tensor;
    CHECK(at::equal(tensor, values[i]));
    CHECK(at::equal(tensor.grad(), torch::full_like(tensor, static_cast<double>(i + 1)).detach()));
    const std::size_t bucket = to.bucket_of[i];
    CHECK(storage_of(tensor) == storage_of(buckets.values()[bucket]));
    CHECK(at::equal(slot_view(moments[bucket], to.buckets[bucket].slots[0], tensor), values[i]));
  }
}

TEST_CASE("passengers travel behind the last bucket's gradients, and are none of them") {
  const std::vector<NamedParameter> parameters = some_parameters();
  const FlatBuckets buckets(parameters, plan_of(parameters, {1, 0, 2}, 1e-5),
                            {.values = false, .gradients = true, .passengers = 3});
  CHECK(buckets.values().empty());
  CHECK(buckets.messages()[0].numel() == buckets.gradients()[0].numel());
  CHECK(buckets.messages()[2].numel() == buckets.gradients()[2].numel() + 3);
  buckets.passengers().fill_(1);
  CHECK(buckets.gradients()[2].abs().sum().item<float>() == 0);
  CHECK(buckets.messages()[2].sum().item<float>() == 3);
  CHECK_FALSE(parameters[0].tensor.grad().defined());
}

TEST_CASE("parameters that cannot lie in flat memory are named") {
  const auto refusal = [](const torch::Tensor& tensor) {
    const std::vector<NamedParameter> one = {{"odd", tensor}};
    return message_of([&] { FlatBuckets(one, plan_of(one, {0}, 1)); });
  };
  CHECK(refusal(torch::rand({2}, torch::kFloat64)).find("parameter 'odd' is not float32") == 0);
  CHECK(refusal(torch::rand({2})) == "no error");
  CHECK(message_of([] { FlatBuckets({}, {}); }).find("no parameter") != std::string::npos);
}
