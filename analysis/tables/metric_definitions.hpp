// What a metric means, in the words of docs/metrics.md, which is built in.
#pragma once

#include <string>

namespace lockstep {

// "wait / (wait + transfer), without unit"; "" for a name that the page does not have. _low and _high are
// known as bounds of their metric.
std::string metric_definition(const std::string& metric);

// The metric that a column of a summary's tables shows, by the column's header; "" when it shows none.
std::string metric_of_header(const std::string& header);

}  // namespace lockstep
