// What DistributedDataParallel compares, shares and refuses when it wraps a module, on N ranks.
#include <mpi.h>
#include <torch/nn/modules/linear.h>

#include "parallel/distributed_data_parallel.hpp"
#include "parallel/support.hpp"
#include "support/test_backend.hpp"

using namespace lockstep;

namespace {

struct Parts {
  std::vector<std::pair<std::string, torch::Tensor>> parameters;
  std::vector<std::pair<std::string, torch::Tensor>> buffers = {};
};

std::shared_ptr<torch::nn::Module> module_of(const Parts& parts) {
  auto module = std::make_shared<torch::nn::Module>("parts");
  for (const auto& [name, tensor] : parts.parameters)
    module->register_parameter(name, tensor, at::isFloatingType(tensor.scalar_type()));
  for (const auto& [name, tensor] : parts.buffers) module->register_buffer(name, tensor);
  return module;
}

torch::Tensor frozen(torch::Tensor tensor) { return tensor.requires_grad_(false); }

// The message on this rank where the last rank has another module than the rest.
std::string message_where_last_has(const Parts& last, const Parts& rest, Communicator& c,
                                   bool freeze_on_last = false) {
  const bool is_last = c.rank() + 1 == c.size();
  const auto module = module_of(is_last ? last : rest);
  if (is_last && freeze_on_last) frozen(module->parameters().back());
  return message_of([&] { DistributedDataParallel(module, c); });
}

bool names(const std::string& message, const std::string& words) {
  INFO(message);
  const bool found = message.find(words) != std::string::npos;
  CHECK(found);
  return found;
}

std::string ranks_but_last(const Communicator& c) {
  return c.size() == 2 ? "rank 0" : c.size() == 3 ? "ranks 0, 1" : "ranks 0, 1, 2";
}

}  // namespace

TEST_CASE("modules that differ between ranks are refused, and the first difference is named") {
  const auto c = test::make_test_communicator();
  if (c->size() == 1) return;
  using torch::zeros;
  const Parts usual = {{{"a", zeros({4, 8})}, {"b", zeros({8})}}, {{"mask", zeros({3}, torch::kBool)}}};
  const auto refused = [&](const Parts& last, const std::string& words, bool freeze = false) {
    names(message_where_last_has(last, usual, *c, freeze), words);
  };
  refused({{{"a", zeros({8, 4})}, {"b", zeros({8})}}, usual.buffers},
          "the ranks have different modules: parameter 0 is 'a' (Float [4, 8], trained) on " +
              ranks_but_last(*c) + ", 'a' (Float [8, 4], trained) on rank ");
  refused({{{"b", zeros({8})}, {"a", zeros({4, 8})}}, usual.buffers}, "parameter 0 is 'a' ");
  refused({{{"a", zeros({4, 8})}, {"b", zeros({8}, torch::kHalf)}}, usual.buffers},
          "'b' (Half [8], trained)");
  refused({{{"a", zeros({8, 4}).t()}, {"b", zeros({8})}}, usual.buffers},
          "'a' (Float [4, 8] with strides [1, 4]");
  refused({{{"a", zeros({4, 8})}, {"b", zeros({8})}, {"c", zeros({1})}}, usual.buffers},
          "parameter 2 is not given on " + ranks_but_last(*c) + ", 'c' (Float [1], trained) on rank ");
  refused({usual.parameters, {{"mask", zeros({4}, torch::kBool)}}}, "buffer 0 is 'mask' (Bool [3])");
  refused(usual, "'b' (Float [8], trained) on " + ranks_but_last(*c) + ", 'b' (Float [8], frozen) on rank ",
          /*freeze=*/true);
}

TEST_CASE("tied parameters that are not tied on every rank are refused") {
  const auto c = test::make_test_communicator();
  if (c->size() == 1) return;
  const torch::Tensor shared = torch::zeros({2});
  names(message_where_last_has({{{"in", shared}, {"out", shared}}},
                               {{{"in", torch::zeros({2})}, {"out", torch::zeros({2})}}}, *c),
        "'out' (Float [2], trained), the same tensor as 'in' on rank ");
}

TEST_CASE("what cannot be shared or reduced is refused by name") {
  const auto c = test::make_test_communicator();
  const auto refusal = [&](const Parts& parts) {
    return message_of([&] { DistributedDataParallel(module_of(parts), *c); });
  };
  const torch::Tensor sparse = torch::eye(3).to_sparse();
  if (c->size() > 1)
    names(refusal({{{"w", torch::zeros({2})}}, {{"graph", sparse}}}), "'graph' is sparse or quantised");
  names(refusal({{{"index", torch::zeros({2}, torch::kInt64)}}}), "no parameter that requires a gradient");
  const auto both = [&](const DistributedOptions& options) {
    return message_of([&] { DistributedDataParallel(module_of({{{"w", torch::zeros({2})}}}), *c, options); });
  };
  names(both({.reduce_dtype = torch::kHalf, .hook = compress_to_bf16()}), "let the hook choose the dtype");
  names(both({.reduce_dtype = torch::kInt32}), "reduce_dtype is Int; take float32");
}

TEST_CASE("frozen parameters of any dtype are shared as well") {
  const auto c = test::make_test_communicator();
  const auto mine = [&](torch::ScalarType dtype) { return torch::full({2, 3}, c->rank() + 7, dtype); };
  const auto module = module_of({{{"w", mine(torch::kFloat32)}, {"index", mine(torch::kInt32)}}});
  module->register_parameter("trunk", mine(torch::kBFloat16), /*requires_grad=*/false);
  const DistributedDataParallel ddp(module, *c);
  for (const torch::Tensor& p : module->parameters()) CHECK(torch::equal(p, torch::full_like(p, 7)));
}

TEST_CASE("a parameter that two wrappers hold is refused at the second, until the first is gone") {
  const auto c = test::make_test_communicator();
  const auto linear = std::make_shared<torch::nn::LinearImpl>(3, 2);
  const auto outer = std::make_shared<torch::nn::Module>("outer");
  outer->register_module("inner", linear);
  {
    const DistributedDataParallel first(linear, *c);
    names(message_of([&] { DistributedDataParallel(outer, *c); }),
          "parameter 'inner.weight' already belongs to another DistributedDataParallel");
  }
  DistributedDataParallel second(outer, *c);
  linear->forward(torch::full({1, 3}, c->rank() + 1, torch::kFloat32)).sum().backward();
  CHECK(linear->weight.grad()[0][0].item<double>() == Approx((c->size() + 1) / 2.0));
}

TEST_CASE("one rank loads a checkpoint, and broadcast_module() hands it on") {
  const auto c = test::make_test_communicator();
  const auto module = module_of({{{"w", torch::zeros({3})}}, {{"seen", torch::zeros({}, torch::kInt64)}}});
  DistributedDataParallel ddp(module, *c);
  if (c->rank() == 0) {
    const torch::NoGradGuard no_grad;
    module->parameters()[0].set_(torch::full({3}, 5.0F));
    module->buffers()[0].fill_(9);
  }
  ddp.broadcast_module();
  CHECK(torch::equal(module->parameters()[0], torch::full({3}, 5.0F)));
  CHECK(module->buffers()[0].item<std::int64_t>() == 9);
}
