// Splits independent host work over short-lived threads (parsing, encoding). Not for the timed step.
#pragma once

#include <cstddef>
#include <functional>

namespace lockstep {

// Calls body(begin, end) on disjoint ranges that cover [0, count), on at most `threads` threads, and returns
// when all have. The exception of the lowest range that threw is rethrown.
void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t, std::size_t)>& body);

}  // namespace lockstep
