#include "launch/openmp_threads.hpp"

#include <dlfcn.h>

#include <cstddef>

namespace lockstep {
namespace {

template <typename Function>
Function* symbol(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

struct Team {
  int (*number)();
  const std::function<void(int)>& body;
};

}  // namespace

// GOMP_parallel is what compilers make of `#pragma omp parallel`, and LLVM's library has it as well.
bool in_compute_threads(int threads, const std::function<void(int)>& body) {
  auto* const parallel = symbol<void(void (*)(void*), void*, unsigned, unsigned)>("GOMP_parallel");
  auto* const number = symbol<int()>("omp_get_thread_num");
  if (parallel == nullptr || number == nullptr) return false;
  Team team{number, body};
  parallel(
      [](void* of) {
        const Team& mine = *static_cast<Team*>(of);
        mine.body(mine.number());
      },
      &team, static_cast<unsigned>(threads), 0);
  return true;
}

std::vector<int> openmp_places() {
  auto* const places = symbol<int()>("omp_get_num_places");
  auto* const size = symbol<int(int)>("omp_get_place_num_procs");
  auto* const members = symbol<void(int, int*)>("omp_get_place_proc_ids");
  std::vector<int> cpus;
  if (places == nullptr || size == nullptr || members == nullptr) return cpus;
  for (int place = 0; place < places(); ++place) {
    const std::size_t before = cpus.size();
    cpus.resize(before + static_cast<std::size_t>(size(place)));
    members(place, cpus.data() + before);
  }
  return cpus;
}

}  // namespace lockstep
