// What a metric means, in the words of docs/metrics.md, which is built in.
#pragma once

#include <string>

namespace lockstep {

// "wait / (wait + transfer), without unit"; "" for a name that the page does not have. _low and _high are
// known as bounds of their metric.
std::string definition_of(const std::string& metric);

}  // namespace lockstep
