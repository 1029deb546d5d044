// main() of the tests that run under mpirun. A test that did not start on the ranks it asked for fails; rank
// 0 reports, and any other rank only when it failed; a failed test case ends all ranks, which might else wait
// for the failed one.
#include <mpi.h>

#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using ListenerBase = Catch::EventListenerBase;
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
using ListenerBase = Catch::TestEventListenerBase;
#endif

#include "outcome.hpp"

namespace {

int world_rank() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

std::ostringstream& report() {
  static std::ostringstream text;
  return text;
}

void show_report() {
  if (world_rank() != 0) std::cerr << "[rank " << world_rank() << "]\n" << report().str() << std::flush;
  std::cout.flush();
}

class EndAllRanks : public ListenerBase {
 public:
  using ListenerBase::ListenerBase;
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    if (stats.totals.assertions.failed == 0) return;
    show_report();
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
};
CATCH_REGISTER_LISTENER(EndAllRanks)

// 0 when MPI gave what the test asked for.
int check_start(int level) {
  const char* wanted = std::getenv("LOCKSTEP_TEST_RANKS");
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (wanted != nullptr && std::to_string(size) == wanted && level == MPI_THREAD_MULTIPLE) return 0;
  std::cerr << "this test wants " << (wanted != nullptr ? wanted : "LOCKSTEP_TEST_RANKS to say how many")
            << " ranks and MPI_THREAD_MULTIPLE, and got " << size << " and level " << level << '\n';
  return 1;
}

int run_session(int argc, char** argv) {
  std::streambuf* const console = std::cout.rdbuf();
  if (world_rank() != 0) std::cout.rdbuf(report().rdbuf());
  int failed = Catch::Session().run(argc, argv);
  std::cout.rdbuf(console);
  if (failed != 0) show_report();
  // Failed on one rank is failed, and skipped by one is skipped.
  int worst[] = {failed != 0, !lockstep::test::why_skipped().empty()};
  MPI_Allreduce(MPI_IN_PLACE, worst, 2, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  const int code = lockstep::test::exit_code(worst[0]);
  return code == 0 && worst[1] != 0 ? lockstep::test::kSkipped : code;
}

}  // namespace

int main(int argc, char** argv) {
  int level = MPI_THREAD_SINGLE;
  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level) != MPI_SUCCESS) return 1;
  int code = check_start(level);
  if (code == 0) code = run_session(argc, argv);
  MPI_Finalize();
  return code;
}
