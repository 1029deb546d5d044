// How a run is started: the words of its command.
#pragma once

#include <string>
#include <vector>

#include "apps/sweep/plan.hpp"

namespace lockstep {

// words: a launcher of a SweepFile. Split as a shell would, without expanding anything; {command} as a word
// of its own becomes the program and its flags; within a word, or in quotes, their text as a shell reads it.
// bin: the folder of the programs; output: where the run's folder is made.
std::vector<std::string> launch_command(const std::string& words, const SweepPoint& point,
                                        const std::string& bin, const std::string& output);

// For people: the words as a line that a shell would take.
std::string shell_line(const std::vector<std::string>& words);

}  // namespace lockstep
