// The gradient of an embedding table, reduced by the rows that are touched: equal to that which is reduced whole, whoever
// touches which rows, and zero when the next step begins.
#include <torch/nn/modules/linear.h>

#include <functional>

#include "nn/embedding.hpp"
#include "parallel/distributed_data_parallel.hpp"
#include "parallel/gradient_reducer.hpp"
#include "parallel/row_gradient.hpp"
#include "support/catch.hpp"
#include "support/test_backend.hpp"

using namespace lockstep;

namespace {

using torch::Tensor;

constexpr std::int64_t kWords = 200, kWidth = 6;

struct Net : torch::nn::Module {
  torch::nn::Embedding table{register_module("table", word_embedding(kWords, kWidth))};
  torch::nn::Linear head{register_module("head", torch::nn::Linear(kWidth, 3))};
};

struct Positions : torch::nn::Module {
  torch::nn::Embedding table{register_module("table", torch::nn::Embedding(9, 4))};
};

// Integers, so that no sum depends on its order.
void set_integers(Net& net) {
  const torch::NoGradGuard no_grad;
  for (Tensor& p : net.parameters())
    p.copy_((torch::arange(p.numel()).remainder(7) - 3).to(torch::kFloat32).view(p.sizes()));
}

std::vector<NamedParameter> parameters_of(const Net& net, bool by_rows) {
  std::vector<NamedParameter> parameters = trainable_parameters(net);
  if (by_rows) mark_tables(parameters, net);
  return parameters;
}

// A net, and what reduces its gradients.
struct Replica {
  explicit Replica(bool by_rows, ReducerOptions options = {}) {
    set_integers(net);
    options.average = false;
    reducer = std::make_unique<GradientReducer>(parameters_of(net, by_rows), *communicator, options, &log);
  }
  std::int64_t bytes() const {
    std::int64_t sum = 0;
    for (const LoggedWork& logged : log.works()) sum += logged.work->bytes;
    return sum;
  }

  Net net;
  std::unique_ptr<Communicator> communicator = test::make_test_communicator();
  WorkLog log;
  std::unique_ptr<GradientReducer> reducer;
};

using Passes = std::function<void(Replica&, int rank)>;

void require_equal(Replica& rows, Replica& whole) {
  const auto ours = rows.net.parameters(), theirs = whole.net.parameters();
  for (std::size_t p = 0; p < ours.size(); ++p) REQUIRE(torch::equal(ours[p].grad(), theirs[p].grad()));
}

// A step of both, which agree after it, and begin the next one with zeros.
void step(Replica& rows, Replica& whole, const Passes& passes) {
  for (Replica* replica : {&rows, &whole}) {
    replica->log.clear();
    passes(*replica, replica->communicator->rank());
    replica->reducer->finish();
  }
  require_equal(rows, whole);
  rows.reducer->zero_gradients();
  whole.reducer->zero_gradients();
  require_equal(rows, whole);
  REQUIRE(torch::equal(rows.net.table->weight.grad(), torch::zeros({kWords, kWidth})));
}

void backward(Replica& replica, const std::vector<std::int64_t>& words) {
  const Tensor tokens = torch::tensor(words).view({1, -1});
  replica.net.head->forward(embed(replica.net.table->weight, tokens)).sum().backward();
}

// Words [first, last).
std::vector<std::int64_t> words(std::int64_t first, std::int64_t last) {
  std::vector<std::int64_t> all;
  for (std::int64_t w = first; w < last; ++w) all.push_back(w);
  return all;
}

void few_rows(Replica& r, int rank) { backward(r, {3, 150 + rank, 7, 3, 199, 0, 20 * rank + 1}); }

}  // namespace

TEST_CASE("Rows that are touched travel, in their order, and the result is that of the whole") {
  for (const bool overlap : {true, false}) {
    Replica rows(true, {.overlap = overlap}), whole(false, {.overlap = overlap});
    step(rows, whole, few_rows);
    rows.reducer->rebuild();
    whole.reducer->rebuild();
    step(rows, whole, few_rows);
    if (rows.communicator->size() > 1) REQUIRE(rows.bytes() < whole.bytes() / 4);
    INFO("a rank without words, one without a backward pass");
    step(rows, whole, [](Replica& r, int rank) {
      if (rank != 1) backward(r, rank == 0 ? std::vector<std::int64_t>{0, 0} : words(30, 34));
    });
    INFO("no rank has anything");
    step(rows, whole, [](Replica&, int) {});
    INFO("the front rows, and two passes");
    step(rows, whole, [](Replica& r, int rank) {
      r.reducer->set_synchronising(false);
      backward(r, words(0, 9 + rank));
      r.reducer->set_synchronising(true);
      backward(r, {199, 8});
    });
    INFO("more than half");
    step(rows, whole, [](Replica& r, int rank) { backward(r, words(rank, 120)); });
    step(rows, whole, few_rows);
  }
}

TEST_CASE("Where autograd has added to the table's gradient itself, the whole is reduced") {
  Replica rows(true), whole(false);
  step(rows, whole, few_rows);
  step(rows, whole, [](Replica& r, int rank) {
    const Tensor loss = embed(r.net.table->weight, torch::tensor({{5, 6}})).sum();
    (rank == 0 ? loss + r.net.table->weight.narrow(0, 90, 10).sum() : loss).backward();
  });
  INFO("a gradient that somebody has taken away");
  step(rows, whole, [](Replica& r, int rank) {
    if (rank == 0) r.net.zero_grad(/*set_to_none=*/true);
    few_rows(r, rank);
  });
  step(rows, whole, few_rows);
}

TEST_CASE("Rows are sent in 16 bits where that is wanted") {
  Replica rows(true, {.reduce_dtype = torch::kBFloat16}), whole(false, {.reduce_dtype = torch::kBFloat16});
  step(rows, whole, few_rows);
  step(rows, whole, [](Replica& r, int rank) { backward(r, words(rank, 120)); });
}

TEST_CASE("A table has a bucket of its own, and only tables of words are marked") {
  const Replica rows(true);
  const BucketPlan& plan = rows.reducer->buckets().plan();
  REQUIRE(plan.buckets.size() == 2);
  REQUIRE(plan.bucket_of == std::vector<std::size_t>{1, 0, 0});
  Positions positions;
  auto parameters = trainable_parameters(positions);
  mark_tables(parameters, positions);
  REQUIRE_FALSE(parameters[0].by_rows);
}
