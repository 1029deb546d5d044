// What a metric means, in the words of docs/metrics.md, which is built in.
#pragma once

#include <string>

namespace lockstep {

// A sentence: "samples of all ranks by the wall time of a mean step, in samples/s"; "" for a name that the page does
// not have. _low and _high are known as bounds of their metric.
std::string meaning_of(const std::string& metric);

// The same after the metric's name: "throughput: samples of all ranks ...".
std::string definition_of(const std::string& metric);

}  // namespace lockstep
