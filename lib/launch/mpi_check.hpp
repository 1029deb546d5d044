// The one check of every MPI call: MPI returns its errors (MPI_ERRORS_RETURN), and this turns them into
// Error.
#pragma once

#include <mpi.h>

#include <string>

namespace lockstep {

// "MPI_ERR_TRUNCATE: message truncated"
std::string mpi_error_text(int code);
// Throws Error for any code but MPI_SUCCESS. call: the source text of the call; its name is what the message
// shows.
void check_mpi(int code, const char* call);

}  // namespace lockstep

#define LOCKSTEP_MPI(call) ::lockstep::check_mpi((call), #call)
