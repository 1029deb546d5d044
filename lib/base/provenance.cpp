#include "base/provenance.hpp"

#include "base/build_facts.hpp"

namespace lockstep {

Provenance provenance() {
#if defined(__clang__)
  const std::string compiler = "clang " __clang_version__;
#else
  const std::string compiler = "g++ " __VERSION__;
#endif
  return {LOCKSTEP_VERSION, LOCKSTEP_COMMIT, compiler, LOCKSTEP_FLAGS};
}

}  // namespace lockstep
