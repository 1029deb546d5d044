// Steps of a wrapped module that the random runs do not take: ranks that part, hooks, uneven inputs,
// optimizers.
#include <mpi.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/adamw.h>

#include "parallel/join.hpp"
#include "support/catch.hpp"
#include "support/close_tensors.hpp"
#include "support/test_backend.hpp"

using namespace lockstep;

namespace {

using torch::Tensor;

struct Net : torch::nn::Module {
  torch::nn::Linear a{register_module("a", torch::nn::Linear(4, 4))};
  torch::nn::Linear b{register_module("b", torch::nn::Linear(4, 4))};
  torch::nn::Linear unused{register_module("unused", torch::nn::Linear(2, 2))};
  Tensor forward(const Tensor& x) { return b->forward(at::tanh(a->forward(x))); }
};

struct Bomb : torch::autograd::Function<Bomb> {
  static Tensor forward(torch::autograd::AutogradContext*, const Tensor& x) { return x.clone(); }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext*,
                                                 const torch::autograd::variable_list&) {
    throw std::runtime_error("thrown by the test");
  }
};

// The layer's gradient comes from a backward pass within the backward pass.
struct Nested : torch::autograd::Function<Nested> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, std::int64_t layer) {
    context->save_for_backward({x});
    context->saved_data["layer"] = layer;
    return reinterpret_cast<torch::nn::LinearImpl*>(layer)->forward(x);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    auto* const layer = reinterpret_cast<torch::nn::LinearImpl*>(context->saved_data["layer"].toInt());
    Tensor x = context->get_saved_variables()[0].detach().requires_grad_();
    const torch::AutoGradMode on(true);
    layer->forward(x).backward(gradients[0]);
    return {x.grad(), Tensor()};
  }
};

struct Pair {
  explicit Pair() {
    torch::manual_seed(3);
    net = std::make_shared<Net>();
    torch::manual_seed(3);
    alone = std::make_shared<Net>();
  }
  std::shared_ptr<Net> net, alone;

  double largest_difference() const {
    return test::largest_difference(net->parameters(), alone->parameters());
  }
};

Tensor rows(int step, int ranks) {
  torch::manual_seed(100 + static_cast<std::uint64_t>(step));
  return torch::randn({2 * ranks, 4});
}

Tensor mine(const Tensor& all, const Communicator& c) { return all.narrow(0, 2 * c.rank(), 2); }

template <typename Call>
std::string thrown_by(Call call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing";
}

void sgd(Net& net) {
  const torch::NoGradGuard no_grad;
  for (Tensor& p : net.parameters())
    if (p.grad().defined()) p.sub_(p.grad(), 0.1);
}

const DistributedOptions kSmall = {.bucket_sizes = {1e-5, 1e-5}};

}  // namespace

TEST_CASE("a rank that gives up a pass that others end is found out, and training can go on") {
  const auto c = test::make_test_communicator();
  if (c->size() == 1) return;
  for (const bool small : {false, true}) {
    Pair pair;
    DistributedDataParallel ddp(pair.net, *c, small ? kSmall : DistributedOptions());
    for (int step = 0; step < 6; ++step) {
      const Tensor all = rows(step, c->size());
      ddp.zero_grad();
      if (step == 3) {
        const bool gives_up = c->rank() == 1;
        const std::string message = thrown_by([&] {
          const Tensor h = at::tanh(pair.net->a->forward(mine(all, *c)));
          pair.net->b->forward(gives_up ? Bomb::apply(h) : h).sum().backward();
        });
        CHECK(message.find(gives_up ? "thrown by the test" : "another rank abandoned") != std::string::npos);
        continue;
      }
      pair.alone->zero_grad();
      pair.alone->forward(all).square().mean().backward();
      pair.net->forward(mine(all, *c)).square().mean().backward();
      sgd(*pair.net);
      sgd(*pair.alone);
    }
    CHECK(pair.largest_difference() < 1e-6);
  }
}

TEST_CASE("a layer that is suddenly given a second gradient is named, not summed wrongly") {
  const auto c = test::make_test_communicator();
  if (c->size() == 1) return;
  for (const bool static_graph : {false, true}) {
    Pair pair;
    DistributedOptions options = kSmall;
    options.static_graph = static_graph;
    DistributedDataParallel ddp(pair.net, *c, options);
    const auto layer = reinterpret_cast<std::int64_t>(pair.net->b.get());
    const auto loss = [&](bool twice) {
      Tensor h = at::tanh(pair.net->a->forward(mine(rows(0, c->size()), *c)));
      if (twice) h = Nested::apply(h, layer);
      return pair.net->b->forward(h).square().mean();
    };
    for (int step = 0; step < 3; ++step) {
      ddp.zero_grad();
      loss(false).backward();
    }
    ddp.zero_grad();
    const std::string message = thrown_by([&] { loss(true).backward(); });
    CHECK(message.find("parameter 'b.") != std::string::npos);
    CHECK(message.find(static_graph ? "set static_graph to false" : "set overlap to false") !=
          std::string::npos);
  }
}

TEST_CASE("with a static graph nested gradients are reduced on the way, and right") {
  const auto c = test::make_test_communicator();
  for (const bool static_graph : {false, true}) {
    Pair pair;
    DistributedOptions options = kSmall;
    options.static_graph = static_graph;
    DistributedDataParallel ddp(pair.net, *c, options);
    const auto layer = reinterpret_cast<std::int64_t>(pair.net->b.get());
    for (int step = 0; step < 4; ++step) {
      const Tensor all = rows(step, c->size());
      pair.alone->zero_grad();
      const Tensor h = at::tanh(pair.alone->a->forward(all));
      pair.alone->b->forward(pair.alone->b->forward(h)).square().mean().backward();
      ddp.zero_grad();
      const Tensor x = at::tanh(pair.net->a->forward(mine(all, *c)));
      pair.net->b->forward(Nested::apply(x, layer)).square().mean().backward();
      sgd(*pair.net);
      sgd(*pair.alone);
    }
    CHECK(pair.largest_difference() < 1e-6);
  }
}

TEST_CASE("AdamW leaves alone what has no gradient, whoever zeroes") {
  const auto c = test::make_test_communicator();
  for (const int kind : {0, 1, 2}) {
    Pair pair;
    DistributedDataParallel ddp(pair.net, *c);
    const auto options = torch::optim::AdamWOptions(1e-2).weight_decay(0.5);
    torch::optim::AdamW adamw(pair.net->parameters(), options),
        adamw_alone(pair.alone->parameters(), options);
    for (int step = 0; step < 4; ++step) {
      const Tensor all = rows(step, c->size());
      if (kind == 0) ddp.zero_grad();
      if (kind == 1) adamw.zero_grad();
      if (kind == 2) adamw.zero_grad(/*set_to_none=*/false);
      adamw_alone.zero_grad(/*set_to_none=*/kind != 2);
      pair.net->forward(mine(all, *c)).square().mean().backward();
      pair.alone->forward(all).square().mean().backward();
      adamw.step();
      adamw_alone.step();
    }
    CHECK(torch::equal(pair.net->unused->weight, pair.alone->unused->weight));
    CHECK(pair.largest_difference() < 1e-4);
  }
}

TEST_CASE("communication hooks get every bucket in order, and compress") {
  const auto c = test::make_test_communicator();
  std::vector<std::size_t> seen;
  const CommunicationHook watching = [&](const GradientBucket& bucket, Communicator& communicator) {
    seen.push_back(bucket.index);
    for (const Tensor& view : bucket.views) CHECK(view.dim() > 0);
    return compress_to_fp16()(bucket, communicator);
  };
  for (const auto& [hook, bound] : {std::pair(watching, 2e-3), std::pair(compress_to_bf16(), 2e-2)}) {
    Pair pair;
    DistributedOptions options = kSmall;
    options.hook = hook;
    DistributedDataParallel ddp(pair.net, *c, options);
    const Tensor all = rows(0, c->size());
    pair.alone->forward(all).square().mean().backward();
    pair.net->forward(mine(all, *c)).square().mean().backward();
    CHECK(test::largest_difference(pair.net->a->weight.grad(), pair.alone->a->weight.grad()) < bound);
    CHECK_FALSE(pair.net->unused->weight.grad().defined());
  }
  CHECK(seen == (c->size() == 1 ? std::vector<std::size_t>() : std::vector<std::size_t>{0, 1, 2, 3, 4, 5}));
}

TEST_CASE("ranks with unequal numbers of batches train as one that has them all") {
  const auto c = test::make_test_communicator();
  Pair pair;
  DistributedDataParallel ddp(pair.net, *c, kSmall);
  const auto batches_of = [](int rank) { return 2 + 2 * rank; };
  const auto batch = [](int rank, int step) {
    torch::manual_seed(static_cast<std::uint64_t>(1000 * rank + step));
    return torch::randn({2, 4});
  };
  Join join(ddp);
  int step = 0;
  for (; join.next(step < batches_of(c->rank())); ++step) {
    ddp.zero_grad();
    if (join.has_batch())
      pair.net->forward(batch(c->rank(), step)).square().mean().backward();
    else
      join.take_part();
    std::vector<Tensor> all;
    for (int rank = 0; rank < c->size(); ++rank)
      if (step < batches_of(rank)) all.push_back(batch(rank, step));
    pair.alone->zero_grad();
    pair.alone->forward(at::cat(all)).square().mean().backward();
    sgd(*pair.net);
    sgd(*pair.alone);
  }
  CHECK(step == batches_of(c->size() - 1));
  CHECK(pair.largest_difference() < 1e-6);
}

TEST_CASE("two wrappers share a communicator and a backward pass, and one may go first") {
  const auto c = test::make_test_communicator();
  Pair first, second;
  const auto ddp = std::make_unique<DistributedDataParallel>(first.net, *c, kSmall);
  auto other = std::make_unique<DistributedDataParallel>(second.net, *c, kSmall);
  for (int step = 0; step < 4; ++step) {
    const Tensor all = rows(step, c->size());
    if (step == 2) other.reset();
    first.alone->zero_grad();
    second.alone->zero_grad();
    first.net->zero_grad();
    second.net->zero_grad();
    second.alone->forward(first.alone->forward(all)).square().mean().backward();
    second.net->forward(first.net->forward(mine(all, *c))).square().mean().backward();
    sgd(*first.net);
    sgd(*first.alone);
    if (other) sgd(*second.net);
    if (other) sgd(*second.alone);
  }
  CHECK(first.largest_difference() < 1e-6);
  CHECK(second.largest_difference() < 1e-6);
}

TEST_CASE("gradients exist once: in the buckets on several ranks, where autograd put them on one") {
  const auto c = test::make_test_communicator();
  Pair pair;
  DistributedDataParallel ddp(pair.net, *c);
  pair.net->forward(mine(rows(0, c->size()), *c)).sum().backward();
  const FlatBuckets& buckets = ddp.reducer().buckets();
  CHECK(buckets.gradients().empty() == (c->size() == 1));
  for (std::size_t p = 0; c->size() > 1 && p < 4; ++p)
    CHECK(buckets.parameters()[p].tensor.grad().data_ptr() == buckets.gradient_view(p).data_ptr());
}
