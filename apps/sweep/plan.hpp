// The points of a sweep: every run that it is to make, and what each is known by.
#pragma once

#include <string>
#include <vector>

#include "config/sweep_file.hpp"

namespace lockstep {

struct SweepPoint {
  std::string mode, program;
  int ranks = 1;
  std::string config;
  std::vector<std::string> sets;  // "key=value"
  std::string label;              // what tells it from the others: "ddp x2, model.name=lstm"
  std::string id;                 // its folder: "ddp_2r_" and a digest of the resolved configuration
};

struct SweepPlan {
  std::vector<SweepPoint> points;     // in the order of the axes, the last varying fastest
  std::vector<std::string> left_out;  // a line each: combinations that no program can run
};

// Reads and checks the configuration of every point. Error(bad_input) where one is wrong, two points are the
// same, or none is left.
SweepPlan plan_sweep(const SweepFile& sweep);

}  // namespace lockstep
