// Which build of the suite this is: stored in every run file and printed by --version.
#pragma once

#include <string>

namespace lockstep {

struct Provenance {
  std::string version;   // project(VERSION)
  std::string commit;    // git describe --always --dirty, or "unknown"
  std::string compiler;  // name and version
  std::string flags;     // build type and flags
};

Provenance provenance();

}  // namespace lockstep
