// The threads that LibTorch computes with: OpenMP's, of LibTorch's own copy of its library, which is looked up in the
// process rather than linked, as a second copy would have threads of its own.
#pragma once

#include <functional>
#include <vector>

namespace lockstep {

// Calls body(i) in compute thread i of so many, and returns when all have. False, and nothing is called, where LibTorch
// computes with other threads. body must not throw.
bool in_compute_threads(int threads, const std::function<void(int)>& body);

// Logical CPUs that OpenMP binds its threads to (OMP_PROC_BIND, OMP_PLACES); empty: it binds none.
std::vector<int> openmp_places();

}  // namespace lockstep
