// SweepFile: which runs a sweep makes, how each is started, and how often. docs/sweep.md describes the YAML.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lockstep {

// The points of a sweep are all combinations of the values of its axes.
struct SweepAxis {
  std::string key;                  // "mode", "ranks", "config", or a key of configurations
  std::vector<std::string> values;  // YAML text
};

// How often each point is launched.
struct SweepRepeats {
  int least = 3;
  // Then again, until the 95 % interval of every speedup is within this share of it, up or down; 0: never.
  double until = 0;
  int most = 3;
};

struct SweepFile {
  std::string name;               // the file's, without its ending
  std::string config;             // of every run; empty where an axis "config" gives it
  std::vector<std::string> sets;  // "key=value", of every run
  std::vector<SweepAxis> axes;
  // A point is left out when every key of an entry has one of the values listed there.
  std::vector<std::map<std::string, std::vector<std::string>>> exclude;
  SweepRepeats repeats;
  // Started as these say; words in braces are filled in: {ranks}, {command}, {output}.
  std::string launcher = "mpirun -np {ranks} --bind-to none --oversubscribe {command}";
  std::string launcher_seq = "{command}";  // of train_seq, which has no ranks
  double time_limit_s = 0;                 // of one run; 0: none
  std::uint64_t seed = 1;                  // of the order of the runs
};

// Error(bad_input) naming file, line and key. Whether the configurations it names can be read is not looked
// at.
SweepFile load_sweep(const std::string& path);

// A mode of a sweep: the program that trains so, and what it must be told.
struct SweepMode {
  std::string name, program;
  std::vector<std::string> sets;
  int least_ranks, most_ranks, multiple;  // of ranks; most_ranks 0: any number
};
// In the order in which they are documented.
const std::vector<SweepMode>& sweep_modes();
// Error(bad_input) that begins with `place` and lists all where there is none of this name.
const SweepMode& sweep_mode(const std::string& name, const std::string& place = "mode");

}  // namespace lockstep
