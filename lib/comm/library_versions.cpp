#include "comm/library_versions.hpp"

#include <torch/version.h>

#include "base/provenance.hpp"
#include "comm/nccl_communicator.hpp"

#ifdef LOCKSTEP_WITH_CUDA
#include "timing/cuda_event.hpp"
#endif

namespace lockstep {
namespace {

std::string cuda_version() {
#ifdef LOCKSTEP_WITH_CUDA
  int version = 0;
  LOCKSTEP_CUDA_CHECK(cudaRuntimeGetVersion(&version));
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
#else
  return "none";
#endif
}

std::string nccl_or_none() {
#ifdef LOCKSTEP_WITH_CUDA
  return nccl_version();
#else
  return "none";
#endif
}

}  // namespace

std::map<std::string, std::string> library_versions(const World& world) {
  const Provenance build = provenance();
  return {{"libtorch", TORCH_VERSION}, {"cuda", cuda_version()},
          {"mpi", world.library()},    {"mpi_threads", world.thread_level()},
          {"nccl", nccl_or_none()},    {"program", build.version},
          {"commit", build.commit},    {"compiler", build.compiler},
          {"flags", build.flags}};
}

}  // namespace lockstep
