// Which libraries the process runs with, and how this program was built.
#pragma once

#include <map>
#include <string>

#include "launch/world.hpp"

namespace lockstep {

// "libtorch", "cuda", "mpi", "mpi_threads", "nccl", "program", "commit", "compiler", "flags"; "none" where
// the build or the process has none.
std::map<std::string, std::string> library_versions(const World& world);

}  // namespace lockstep
