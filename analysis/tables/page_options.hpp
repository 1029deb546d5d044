// What a user may ask of the pages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/link.hpp"

namespace lockstep {

struct PageOptions {
  std::vector<std::string> paths;
  std::vector<std::int64_t> ranks = {2, 4, 8, 16, 32, 64};  // predict
  std::optional<Link> link;                                 // predict, advise; empty: the measured one
  double threshold = 0.05;                                  // diff: what is a regression, of a step
};

}  // namespace lockstep
