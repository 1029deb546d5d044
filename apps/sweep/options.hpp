// The command line of sweep.
#pragma once

#include <string>
#include <vector>

#include "config/sweep_file.hpp"

namespace lockstep {

struct SweepOptions {
  SweepFile sweep;     // read from the file, or made by `compare`
  std::string output;  // the sweep's folder
  bool dry_run = false, quiet = false, retry_failed = false, help = false, version = false;
};

// Error(bad_input), one line, for anything that is wrong; reads the sweep's file.
SweepOptions parse_sweep_options(int argc, const char* const* argv);

std::string sweep_help();

}  // namespace lockstep
