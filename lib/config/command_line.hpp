// The flags that all trainers share. Knows nothing of what the keys of a configuration mean.
#pragma once

#include <string>
#include <vector>

#include "base/flags.hpp"

namespace lockstep {

inline constexpr int kMostRanks = 65536;  // that a dry run plans

struct CommandLine {
  std::string config;             // --config
  std::vector<std::string> sets;  // --set, in order
  std::string output = "experiments";
  std::string resume;  // --resume: a run folder, or a checkpoint; empty: start afresh
  int ranks = 0;       // --ranks: of a dry run; 0: those that were started
  std::string svg;     // --svg: where a dry run draws a pipeline's schedule
  bool dry_run = false, quiet = false, help = false, version = false;
};

// Error(bad_input) for what given_arguments refuses, a stray word, a flag of dry runs without --dry-run, and
// when there is neither --config, --resume, --help nor --version.
CommandLine parse_command_line(int argc, const char* const* argv, const std::string& program);

// What --help prints: usage, flags and every key with its default; at most 100 columns.
// about: one line, "data-parallel training on 1..N ranks".
std::string help_text(const std::string& program, const std::string& about);

// The flags alone, for --help and docs/configuration.md.
std::vector<FlagText> trainer_flags();

}  // namespace lockstep
