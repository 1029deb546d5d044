#include "launch/mpi_check.hpp"

#include <string_view>

#include "base/error.hpp"

namespace lockstep {

std::string mpi_error_text(int code) {
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) return "MPI error " + std::to_string(code);
  return {text, static_cast<std::size_t>(length)};
}

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  const std::string_view text(call);
  throw run_error("{} failed: {}", text.substr(0, text.find('(')), mpi_error_text(code));
}

}  // namespace lockstep
