// Runs gnuplot, the program. Without a shell: the script goes to its standard input.
#pragma once

#include <string>

namespace lockstep {

// The program on PATH; empty when there is none.
std::string find_gnuplot();

// Tells the reader of a report without pictures for papers how to get them.
inline constexpr const char* kNoGnuplot =
    "no .png and .pdf of the pictures: gnuplot is not on PATH; install it (Debian, Ubuntu: apt-get install gnuplot-nox) "
    "and run analyze again";

// Runs the script in a folder, without the user's settings. Returns what went wrong, in one line; empty when
// nothing did.
std::string run_gnuplot(const std::string& program, const std::string& script, const std::string& folder);

}  // namespace lockstep
