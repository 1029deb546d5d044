// A shared object that leaves a trace when it is loaded: what nobody's file may bring about.
#include <cstdio>
#include <cstdlib>

namespace {

struct Trace {
  Trace() {
    const char* path = std::getenv("LOCKSTEP_HOSTILE_TRACE");
    std::FILE* file = path ? std::fopen(path, "w") : nullptr;
    if (file) std::fclose(file);
  }
};
const Trace trace;

}  // namespace
