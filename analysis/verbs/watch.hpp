// analyze --watch: the answer anew whenever a run below the paths ends or grows.
#pragma once

#include "analysis/verbs/command_line.hpp"

namespace lockstep {

// Until it is interrupted (SIGINT, SIGTERM), which is its proper end.
ExitCode run_watch(const AnalyzeOptions& options);

}  // namespace lockstep
