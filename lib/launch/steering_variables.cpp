#include "launch/steering_variables.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace lockstep {

namespace {

// By library: docs/cluster.md says what the usual ones do.
constexpr std::string_view kPrefixes[] = {
    // NCCL and CUDA
    "NCCL_", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_DEVICE_MAX_CONNECTIONS",
    "CUDA_LAUNCH_BLOCKING", "CUDA_MODULE_LOADING", "CUDA_MPS_", "PYTORCH_CUDA_ALLOC_CONF", "CUBLAS_",
    "CUDNN_",
    // libfabric, UCX, PSM
    "FI_", "UCX_", "PSM2_", "PSM3_",
    // Open MPI: components and what they are told
    "OMPI_MCA_btl", "OMPI_MCA_coll", "OMPI_MCA_mtl", "OMPI_MCA_osc", "OMPI_MCA_pml", "OMPI_MCA_mpi_",
    "OMPI_MCA_hwloc_base_binding_policy", "OMPI_MCA_rmaps_base_mapping_policy",
    "OMPI_MCA_rmaps_base_oversubscribe",
    // MPICH and its kin
    "MPICH_", "MPIR_CVAR_", "MV2_", "I_MPI_FABRICS", "I_MPI_PIN", "I_MPI_ADJUST_",
    // threads and heap
    "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_NUM_THREADS", "MALLOC_", "LD_PRELOAD",
    // kernels
    "ATEN_CPU_CAPABILITY", "ONEDNN_", "DNNL_", "TORCH_NCCL_", "NVIDIA_TF32_OVERRIDE"};
// MVAPICH's launcher tells each rank its place by such.
constexpr std::string_view kLauncher = "MV2_COMM_WORLD_";

bool steers(std::string_view variable) {
  return !variable.starts_with(kLauncher) &&
         std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [&](std::string_view prefix) { return variable.starts_with(prefix); });
}

}  // namespace

std::string steering_variables(const std::vector<std::string>& environment) {
  std::vector<std::string> found;
  for (const std::string& variable : environment)
    if (steers(variable)) found.push_back(variable);
  std::sort(found.begin(), found.end());
  for (std::string& variable : found) std::replace(variable.begin(), variable.end(), '\n', ' ');
  return fmt::format("{}", fmt::join(found, "\n"));
}

std::string steering_variables() {
  std::vector<std::string> all;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable)
    all.emplace_back(*variable);
  return steering_variables(all);
}

}  // namespace lockstep
