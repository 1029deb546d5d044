// Memory of the process: the heap's manners, and how much was used at most.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace lockstep {

// glibc returns every block over 128 KiB to the kernel at each free, and the next step faults its pages in
// again; this keeps them. Call once, before tensors are made. No effect with another allocator.
void keep_heap_pages();

// Largest so far: resident memory of the process (CPU), or bytes of the caching allocator (CUDA).
std::int64_t peak_memory_bytes(torch::Device device);

// Of the device, all of it; on the CPU, of the node, divided by the ranks on it.
std::int64_t device_memory_bytes(torch::Device device, int ranks_of_node);

}  // namespace lockstep
