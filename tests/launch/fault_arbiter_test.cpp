#include "launch/fault_arbiter.hpp"

#include <csignal>

#include "support/catch.hpp"

using namespace lockstep;

namespace {
FaultArbiter three_ranks() { return FaultArbiter({"a", "b", "c"}); }
}  // namespace

TEST_CASE("a lost rank is the cause, whatever the others saw") {
  FaultArbiter arbiter = three_ranks();
  REQUIRE_FALSE(arbiter.any_fault());
  arbiter.signalled(0, SIGTERM);  // mpirun is quicker than the kernel that closes the connection
  REQUIRE(arbiter.any_fault());
  arbiter.error(1, ExitCode::failed, "MPI_Allreduce failed");
  REQUIRE_FALSE(arbiter.complete());
  arbiter.closed(2);
  REQUIRE(arbiter.complete());
  REQUIRE(arbiter.lost(2));
  const Verdict verdict = arbiter.verdict();
  REQUIRE(verdict.emergency.reason == Emergency::Reason::lost_rank);
  REQUIRE(verdict.emergency.message == "rank 2 on host c was lost");
  REQUIRE(verdict.code == ExitCode::failed);
}

TEST_CASE("a rank that gave a reason before it closed is not lost") {
  FaultArbiter arbiter = three_ranks();
  arbiter.said_bye(1);
  arbiter.closed(1);
  REQUIRE_FALSE(arbiter.any_fault());
  arbiter.signalled(2, SIGINT);
  arbiter.closed(2);
  const Verdict verdict = arbiter.verdict();
  REQUIRE(verdict.emergency.reason == Emergency::Reason::signal);
  REQUIRE(verdict.line == "interrupted by SIGINT");
}

TEST_CASE("an error of one rank names the rank, one of all ranks does not") {
  FaultArbiter one = three_ranks();
  one.error(2, ExitCode::not_valid, "replicas differ");
  REQUIRE(one.verdict().line == "replicas differ (rank 2)");
  REQUIRE(one.verdict().code == ExitCode::not_valid);
  REQUIRE_FALSE(one.verdict().own_error);

  FaultArbiter all = three_ranks();
  for (const int rank : {2, 0, 1}) all.error(rank, ExitCode::bad_input, "x.yaml:1: bad");
  REQUIRE(all.complete());
  REQUIRE(all.verdict().line == "x.yaml:1: bad");
  REQUIRE(all.verdict().code == ExitCode::bad_input);
}

TEST_CASE("rank 0's own error goes before the others'") {
  FaultArbiter arbiter = three_ranks();
  arbiter.error(1, ExitCode::failed, "second hand");
  arbiter.error(0, ExitCode::bad_input, "first hand");
  REQUIRE(arbiter.verdict().line == "first hand (rank 0)");
  REQUIRE(arbiter.verdict().own_error);
}

TEST_CASE("a stalled rank is the cause of the signals that follow, not of an error or a loss") {
  FaultArbiter arbiter = three_ranks();
  arbiter.stalled("rank 1 has given no sign of life");
  REQUIRE(arbiter.any_fault());
  arbiter.signalled(0, SIGTERM);
  REQUIRE(arbiter.verdict().emergency.reason == Emergency::Reason::stalled_rank);
  REQUIRE(arbiter.verdict().line == "rank 1 has given no sign of life");
  REQUIRE(arbiter.verdict().code == ExitCode::failed);
  arbiter.error(2, ExitCode::failed, "MPI_Allreduce failed");
  REQUIRE(arbiter.verdict().emergency.reason == Emergency::Reason::error);
  arbiter.closed(1);
  REQUIRE(arbiter.verdict().emergency.reason == Emergency::Reason::lost_rank);
}

TEST_CASE("signals have names") {
  REQUIRE(signal_name(SIGINT) == "SIGINT");
  REQUIRE(signal_name(SIGTERM) == "SIGTERM");
  REQUIRE(signal_name(SIGUSR1) == "SIGUSR1");
  REQUIRE(signal_name(SIGHUP) == "SIGHUP");
  REQUIRE(signal_name(64) == "signal 64");
}
