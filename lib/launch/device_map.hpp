// Which device a rank computes on. Decided from the node-local rank alone; nothing is communicated.
#pragma once

#include <c10/core/Device.h>

#include <string>

#include "config/run_config.hpp"
#include "launch/world.hpp"

namespace lockstep {

// CUDA devices this process sees; 0 in a build without CUDA or without a driver.
int visible_gpus();

// cuda: the GPU of number local_rank, modulo the GPUs that this process sees (one, where the launcher binds
// each rank to its own); makes it the calling thread's current device. Several ranks may get the same GPU:
// back end mpi allows that, and make_communicator refuses it for nccl. automatic: cuda where this process
// sees a GPU, else cpu. Error(bad_input) naming `place` (RunConfig::place("parallel.device")) and the remedy.
c10::Device choose_device(DeviceKind kind, BackendKind backend, const World& world,
                          const std::string& place = "'parallel.device'");

// What identifies a GPU within its host, whatever its number in this process (its UUID); empty for the CPU.
std::string device_identity(const c10::Device& device);
inline constexpr const char* kCpuDevice = "cpu";
// "NVIDIA H200"; kCpuDevice for the CPU.
std::string device_model(const c10::Device& device);

// "0000:1b:00.0" of a GPU; empty for the CPU.
std::string device_pci_address(const c10::Device& device);

std::string host_name();

}  // namespace lockstep
