#include <c10/util/Exception.h>
#include <mpi.h>

#include <new>

#include "comm/mpi_world.hpp"
#include "comm/session.hpp"
#include "comm/watchdog.hpp"

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

}  // namespace

int run_main(int argc, char** argv, UseMpi use_mpi, const std::function<ExitCode(World&)>& body) {
  std::unique_ptr<World> world;  // outlives the handler: a throwing body must not finalise MPI
  try {
    world = use_mpi == UseMpi::yes ? mpi_world(argc, argv) : self_world();
    return static_cast<int>(body(*world));
  } catch (...) {
    return report(current_failure(), world.get(), use_mpi);
  }
}

}  // namespace lockstep
