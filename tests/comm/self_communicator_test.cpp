#include "comm/self_communicator.hpp"

#include <ATen/ATen.h>

#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;

TEST_CASE("one rank: a reduction leaves the tensor as it is, and copies copy") {
  const auto comm = make_self_communicator();
  REQUIRE(comm->rank() == 0);
  REQUIRE(comm->size() == 1);
  REQUIRE(comm->backend() == BackendKind::self);

  const at::Tensor x = at::arange(7, at::kFloat);
  const at::Tensor before = x.clone();
  comm->all_reduce(x, ReduceOp::max)->wait();
  comm->broadcast(x, 0)->wait();
  REQUIRE(at::equal(x, before));

  const at::Tensor gathered = at::zeros({1, 7});
  comm->all_gather(gathered, x)->wait();
  REQUIRE(at::equal(gathered.view(-1), before));
  const at::Tensor scattered = at::zeros({7});
  comm->reduce_scatter(scattered, x)->wait();
  REQUIRE(at::equal(scattered, before));
}

TEST_CASE("one rank: works are numbered in launch order and timed") {
  const auto comm = make_self_communicator();
  const at::Tensor x = at::ones({5}, at::kDouble);
  const WorkPtr first = comm->all_reduce(x);
  const WorkPtr second = comm->barrier();
  REQUIRE(first->sequence == 0);
  REQUIRE(second->sequence == 1);
  REQUIRE(first->bytes == 40);
  REQUIRE(first->kind == CollectiveKind::all_reduce);
  const WorkTimes times = first->times();
  REQUIRE(times.ready <= times.start);
  REQUIRE(times.start <= times.end);
  REQUIRE(times.end <= second->times().start);
}

TEST_CASE("one rank: wrong tensors and peers are refused") {
  const auto comm = make_self_communicator();
  const at::Tensor x = at::zeros({4, 4});
  REQUIRE_THROWS_AS(comm->all_reduce(x.t().slice(0, 0, 2)), Error);
  REQUIRE_THROWS_AS(comm->all_reduce(at::Tensor()), Error);
  REQUIRE_THROWS_AS(comm->all_reduce(at::zeros({2}, at::kBool)), Error);
  REQUIRE_THROWS_AS(comm->all_gather(at::zeros({3}), at::zeros({2})), Error);
  REQUIRE_THROWS_AS(comm->all_gather(at::zeros({2}, at::kDouble), at::zeros({2})), Error);
  REQUIRE_THROWS_AS(comm->broadcast(x, 1), Error);
  REQUIRE_THROWS_AS(comm->send(x, 0), Error);
  REQUIRE_THROWS_AS(comm->recv(x, 1), Error);
  REQUIRE_THROWS_AS(comm->exchange(x, x.clone(), 0), Error);
}

TEST_CASE("kinds have names") {
  REQUIRE(std::string(name_of(CollectiveKind::all_reduce)) == "all_reduce");
  REQUIRE(std::string(name_of(CollectiveKind::barrier)) == "barrier");
  REQUIRE(std::string(name_of(CollectiveKind::exchange)) == "exchange");
}
