#include <c10/util/Exception.h>
#include <mpi.h>
#include <signal.h>
#include <unistd.h>

#include <new>

#include "base/standard_output.hpp"
#include "launch/launch_environment.hpp"
#include "launch/mpi_world.hpp"
#include "launch/session.hpp"
#include "launch/watchdog.hpp"

namespace lockstep {
namespace {

struct Failure {
  ExitCode code;
  std::string message;
};

// Of the exception being handled.
Failure current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const c10::Error& error) {
    return {ExitCode::failed, error.what_without_backtrace()};
  } catch (const std::bad_alloc&) {
    return {ExitCode::failed, "out of memory"};
  } catch (const std::exception& error) {
    return {ExitCode::failed, error.what()};
  } catch (...) {
    return {ExitCode::failed, "an exception of unknown type"};
  }
}

// A rank of several that has failed while MPI started up, before the ranks could talk about it.
void end_half_started() {
  int initialized = 0, finalized = 0, size = 1;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (initialized == 0 || finalized != 0) return;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (size > 1) MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ExitCode::failed));
}

int report(const Failure& failure, World* world, UseMpi use_mpi) {
  auto* const ranks = dynamic_cast<MpiWorld*>(world);
  if (ranks != nullptr && ranks->size() > 1) ranks->fail(failure.code, failure.message);
  print_failure(program_invocation_short_name, failure.message);
  if (world == nullptr && use_mpi == UseMpi::yes) end_half_started();
  return static_cast<int>(failure.code);
}

// Each of the tasks that one launcher has started without a world that joins them: the first one speaks.
int report_astray(const Launch& launch, const Error& error) {
  if (launch.rank == 0) print_failure(program_invocation_short_name, error.what());
  return static_cast<int>(error.code());
}

std::unique_ptr<World> make_world(int argc, char** argv, UseMpi use_mpi, const TimeLimit& limit) {
  return use_mpi == UseMpi::yes ? mpi_world(argc, argv, limit) : self_world(limit);
}

void require_one_world(const Launch& launch, const World& world, UseMpi use_mpi) {
  if (use_mpi == UseMpi::no) require_alone(launch, program_invocation_short_name);
  require_joined(launch, world.size(), world.library());
}

}  // namespace

int run_main(int argc, char** argv, UseMpi use_mpi, const std::function<ExitCode(World&)>& body,
             const TimeLimit& limit) {
  keep_standard_streams();
  for (const int signal_number : {SIGPIPE, SIGXFSZ}) signal(signal_number, SIG_IGN);
  const Launch launch = read_launch();
  std::unique_ptr<World> world;  // outlives the handler: a throwing body must not finalise MPI
  try {
    world = make_world(argc, argv, use_mpi, limit);
    try {
      require_one_world(launch, *world, use_mpi);
    } catch (const Error& error) {
      return report_astray(launch, error);
    }
    const ExitCode code = body(*world);
    flush_standard_output();
    return static_cast<int>(code);
  } catch (...) {
    return report(current_failure(), world.get(), use_mpi);
  }
}

}  // namespace lockstep
