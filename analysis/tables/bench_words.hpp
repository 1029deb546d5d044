// What is said of a file of commbench, wherever it is said.
#pragma once

#include <string>
#include <vector>

#include "analysis/model/link_bench.hpp"

namespace lockstep {

// "mpi x2", with the begin of the uuid where there are several.
std::string bench_name(const LinkBench& bench, std::size_t benches);

// Sentences: the links that it shows, and why its numbers are not used where they are not.
std::vector<std::string> bench_sentences(const LinkBench& bench, const std::string& name);

inline constexpr const char* kLinkOfAllReduces = "all-reduces, as rings";
inline constexpr const char* kLinkOfMessages = "messages from rank to rank";

}  // namespace lockstep
