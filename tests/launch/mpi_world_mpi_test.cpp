#include <mpi.h>

#include <cmath>
#include <string>

#include "base/error.hpp"
#include "comm/agreement.hpp"
#include "comm/backends.hpp"
#include "launch/fingerprint.hpp"
#include "launch/session.hpp"
#include "launch/topology.hpp"
#include "support/catch.hpp"

using namespace lockstep;

TEST_CASE("ranks, nodes and the library") {
  const auto world = mpi_world(0, nullptr);
  int rank = -1, size = -1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  REQUIRE(world->rank() == rank);
  REQUIRE(world->size() == size);
  REQUIRE(world->nodes() == 1);
  REQUIRE(world->local_rank() == rank);
  REQUIRE(world->local_size() == size);
  REQUIRE(world->thread_level() == "MPI_THREAD_MULTIPLE");
  REQUIRE_FALSE(world->library().empty());
}

TEST_CASE("the control plane carries any bytes") {
  const auto world = mpi_world(0, nullptr);
  const auto text_of = [](int rank) {
    return std::string(static_cast<std::size_t>(rank) * 1000, 'x') + '\0' + char('a' + rank);
  };
  const auto all = world->all_gather(text_of(world->rank()));
  REQUIRE(static_cast<int>(all.size()) == world->size());
  for (int r = 0; r < world->size(); ++r) REQUIRE(all[static_cast<std::size_t>(r)] == text_of(r));

  const auto gathered = world->gather(text_of(world->rank()));
  REQUIRE(gathered == (world->rank() == 0 ? all : std::vector<std::string>()));

  REQUIRE(world->broadcast(world->rank() == 0 ? "from rank 0" : "ignored") == "from rank 0");
  REQUIRE(world->broadcast({}).empty());
  world->barrier();
}

TEST_CASE("on one host the clocks agree within the stated error") {
  const auto world = mpi_world(0, nullptr);
  const World::ClockOffset measured = world->measure_clock_offset();
  if (world->rank() == 0)
    REQUIRE(measured.offset == 0);
  else
    REQUIRE(measured.error > 0);
  REQUIRE(std::abs(measured.offset) <= measured.error);
}

TEST_CASE("the back end that fits, and the reason why another does not") {
  const auto world = mpi_world(0, nullptr);
  REQUIRE(make_communicator(BackendKind::mpi, c10::kCPU, *world)->backend() == BackendKind::mpi);
  const auto communicator = make_communicator(BackendKind::automatic, c10::kCPU, *world);
  REQUIRE(communicator->backend() == BackendKind::shm);
  REQUIRE(communicator->remark() == "");
  REQUIRE(communicator->size() == world->size());
  try {
    make_communicator(BackendKind::nccl, c10::kCPU, *world, "x.yaml:9: 'parallel.backend'");
    FAIL("nccl on the CPU was accepted");
  } catch (const Error& error) {
    REQUIRE(error.code() == ExitCode::bad_input);
    REQUIRE(std::string(error.what()).find("x.yaml:9: 'parallel.backend': ") == 0);
    REQUIRE(std::string(error.what()).find("--set parallel.backend=mpi") != std::string::npos);
  }
}

TEST_CASE("every rank's environment reaches every rank, and the fingerprint is that of one rank") {
  const auto world = mpi_world(0, nullptr);
  const RankEnvironment mine = describe_rank(c10::kCPU, world->rank() + 1, 0);
  const auto all = gather_environments(*world, mine);
  REQUIRE(static_cast<int>(all.size()) == world->size());
  for (int r = 0; r < world->size(); ++r) REQUIRE(all[static_cast<std::size_t>(r)].threads == r + 1);
  REQUIRE(hardware_fingerprint(all) == hardware_fingerprint({mine}));
  RunConfig config;
  REQUIRE(threads_per_rank(config, *world) >= 1);
  REQUIRE(threads_per_rank(config, *world) <= std::max(1, node_cores() / world->local_size()));
}

namespace {

std::string disagreement(World& world, const Facts& facts) {
  try {
    require_agreement(world, facts, "not alike", "mend it");
  } catch (const Error& error) {
    REQUIRE(error.code() == ExitCode::bad_input);
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("ranks that were started differently say in what, all in the same words") {
  const auto world = mpi_world(0, nullptr);
  const bool last = world->rank() + 1 == world->size();
  CHECK(disagreement(*world, {{"lr", "0.1"}, {"seed", "1"}}).empty());
  if (world->size() != 3) return;
  CHECK(disagreement(*world, {{"lr", "0.1"}, {"seed", last ? "2" : "1"}, {"z", last ? "x" : "y"}}) ==
        "not alike: seed is 1 on ranks 0, 1, 2 on rank 2; mend it");
  // Facts that only some have, in whatever order.
  CHECK(disagreement(*world, last ? Facts{{"steps", "3"}, {"lr", "1"}} : Facts{{"lr", "1"}}) ==
        "not alike: steps is not given on ranks 0, 1, 3 on rank 2; mend it");
  CHECK(disagreement(*world, {{"path", world->rank() == 0 ? "" : "a b:\nc"}}) ==
        "not alike: path is empty on rank 0, a b:\\nc on ranks 1, 2; mend it");
  // The ends of names and values are not mixed up.
  CHECK_FALSE(disagreement(*world, last ? Facts{{"a", "bc"}} : Facts{{"ab", "c"}}).empty());
}
