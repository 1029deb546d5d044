// Over MPI: the results are those of the carrier, and nothing ends before the link allows. When exactly it
// ends: sim_link_test.cpp.
#include <ATen/ATen.h>
#include <mpi.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "comm/mpi_communicator.hpp"
#include "comm/sim_communicator.hpp"
#include "support/timed_ranks.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

constexpr std::int64_t kElements = 1200;
constexpr double kLatency = 0.02;

std::unique_ptr<Communicator> over_mpi() {
  return make_sim_communicator(make_mpi_communicator(MPI_COMM_WORLD), {.link = {.latency = kLatency}});
}

double length(const WorkPtr& work) {
  work->wait();
  return seconds_between(work->times().start, work->times().end);
}

at::Tensor filled(std::int64_t elements, double value) { return at::full({elements}, value, at::kFloat); }

}  // namespace

TEST_CASE("every collective does its work, and takes a ring's hops at least") {
  const auto comm = over_mpi();
  const int p = comm->size();
  REQUIRE(comm->backend() == BackendKind::sim);
  const double hops = (p - 1) * kLatency;
  const at::Tensor x = filled(kElements, comm->rank() + 1), part = at::zeros({kElements / p}),
                   all = at::zeros({kElements});
  CHECK(length(comm->all_reduce(x)) >= 2 * hops);
  CHECK(at::equal(x, filled(kElements, p * (p + 1) / 2)));
  CHECK(length(comm->reduce_scatter(part, at::ones({kElements}))) >= hops);
  CHECK(at::equal(part, filled(kElements / p, p)));
  CHECK(length(comm->all_gather(all, part)) >= hops);
  CHECK(at::equal(all, filled(kElements, p)));
  CHECK(length(comm->broadcast(x.fill_(comm->rank()), 0)) >= hops);
  CHECK(at::equal(x, at::zeros({kElements})));
  CHECK(length(comm->barrier()) >= 2 * hops);
}

TEST_CASE("messages arrive in order, a latency later") {
  const auto comm = over_mpi();
  if (comm->size() < 2 || comm->rank() > 1) return;
  std::vector<at::Tensor> tensors;
  std::vector<WorkPtr> works;
  for (int i = 0; i < 3; ++i) {
    tensors.push_back(filled(kElements, comm->rank() == 0 ? i : -1));
    works.push_back(comm->rank() == 0 ? comm->send(tensors.back(), 1) : comm->recv(tensors.back(), 0));
  }
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(length(works[i]) >= kLatency);
    CHECK(at::equal(tensors[i], filled(kElements, static_cast<double>(i))));
  }
}

TEST_CASE("an exchange goes both ways, however large") {
  const auto comm = over_mpi();
  const int peer = 1 - comm->rank();
  if (comm->size() < 2 || comm->rank() > 1) return;
  for (const std::int64_t elements : {std::int64_t{1}, std::int64_t{1} << 20}) {
    const at::Tensor received = filled(elements, -1);
    CHECK(length(comm->exchange(filled(elements, comm->rank()), received, peer)) >= kLatency);
    CHECK(at::equal(received, filled(elements, peer)));
  }
}

TEST_CASE("a late rank is waited for, and waits for nobody") {
  const auto comm = over_mpi();
  const double late = 0.2;
  if (comm->size() < 2) return;
  const double hops = 2 * (comm->size() - 1) * kLatency;
  judge_times_of_ranks([&]() -> std::vector<Claim> {
    MPI_Barrier(MPI_COMM_WORLD);
    if (comm->rank() == 1) std::this_thread::sleep_for(std::chrono::duration<double>(late));
    const at::Tensor x = at::ones({8});
    const double taken = length(comm->all_reduce(x));
    return {comm->rank() == 1 ? below("the late rank's", taken, hops + late / 2)
                              : above("another rank's", taken, hops + late / 2)};
  });
}
